"""Seals by an operator's command: made now, listed, kept in a file, handed on, and proven from."""

import subprocess
from collections.abc import Callable, Iterator, Sequence

from eventqueue.audit.proofs import Consistency, Inclusion
from eventqueue.audit.seals import Seal, encode
from eventqueue.connect import Connection
from eventqueue.errors import Fenced, LogCorrupt, Refused
from eventqueue.model.events import stream_of
from eventqueue.sealing import files, proving, stored
from eventqueue.sealing.sealer import Sealer
from eventqueue.sealing.signing import Signer
from eventqueue.system.process import shared_environment

AT_ONCE = 100_000  # events in one seal, where somebody waits for it
TRIES = 20  # that somebody else seals between two looks happens once a minute


class Seals:
    """The seals of one log."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._log = connection.ground.log

    def seal(
        self, signer: Signer | None, tell: Callable[[int], object] = lambda _: None, *, may_take_over: bool = False
    ) -> Sequence[Seal]:
        """Seal all that was acknowledged before, and return the seals that this took: none, if nothing has changed.

        `tell` is given how many events were sealed since. `may_take_over`: behind seals that another key has signed.
        Raises LogCorrupt where the last seal was altered, and Refused where it is signed with another key.
        """
        sealer = Sealer(self._connection.ground, self._connection.actor, signer, AT_ONCE, may_take_over=may_take_over)
        try:
            return self._seal(sealer, tell)
        except LogCorrupt as error:
            raise LogCorrupt(
                f"{error} No seal is made behind that: `queuectl audit verify --all` says what was done to the log, "
                "and `queuectl audit export` keeps what there is."
            ) from error

    def _seal(self, sealer: Sealer, tell: Callable[[int], object]) -> Sequence[Seal]:
        made: list[Seal] = []
        before = 0 if (last := self.last()) is None else last.events
        for again in range(TRIES):
            try:
                for one in sealer.seal_all():
                    tell(one.events - before)
                    before = one.events
                    made.append(one)
                break
            except Fenced:
                if again == TRIES - 1:
                    raise
        return made

    def last(self) -> Seal | None:
        """Return the last seal."""
        found = stored.last(self._log)
        return None if found is None else found.seal

    def all(self) -> Iterator[Seal]:
        """Yield every seal, the first one first."""
        return (made.seal for made in stored.seals(self._log))

    def export(self, path: str) -> int:
        """See `files.export`."""
        return files.export(self._connection.ground, path)

    def prove(self, job_id: str, number: int | None, tell: Callable[[int], object] = lambda _: None) -> Inclusion:
        """Return the proof of how a job stood when seal `number` (None: the last one) was made. Raises NotSealed.

        `tell` is given how many leaves were read since, of twice as many as the seal has.
        """
        return proving.prove(self._log, stream_of("job", job_id), number, tell)

    def prove_between(self, old: int, new: int) -> Consistency:
        """Return the proof that one seal continues another. Raises NotSealed."""
        return proving.prove_between(self._log, old, new)


def publish(seal: Seal, command: str) -> None:
    """Hand a seal's line to a command of the operator's, on its stdin. Raises Refused where it ends with another code.

    What the command writes goes to stderr.
    """
    done = subprocess.run(
        ["/bin/sh", "-c", command], input=encode(seal), stdout=2, env=shared_environment(), check=False
    )
    if done.returncode:
        raise Refused(
            f"Seal {seal.number} was made, and not published: the command ended with {done.returncode}. Mend it, and "
            "run this again: the last seal is published in any case."
        )
