"""Seals held against the public key of who signs them: from the first one on that is signed with it, all must be.

Each statement names the key and the seal before it. So a signature fixes what was sealed before it, too, and a seal
from which the signature was taken still says that it had one. What it does not show is that the newest seals were cut
off: an auditor's record does, or seals that were kept elsewhere.
"""

from collections.abc import Iterable, Iterator

from eventqueue.audit.rules import Finding
from eventqueue.audit.seals import SEALS, Seal
from eventqueue.errors import NotProven
from eventqueue.sealing.signing import check_signature


class Signatures:
    """Checks seals in the order of their numbers; `first` and `last` are those that were signed with the key."""

    def __init__(self, public: bytes) -> None:
        self._public = public
        self.first: Seal | None = None
        self.last: Seal | None = None

    def of_log(self, seals: Iterable[Seal]) -> Iterator[Finding]:
        """Yield what is wrong with the signatures of all seals that a log has; also that none of them is signed."""
        yield from self.of(seals, "")
        if self.first is None:
            wanted = f"signed with {self._public.hex()}"
            yield Finding(SEALS, 0, "no seal of the log is signed with this key", wanted, "none", is_sealed=True)

    def of(self, seals: Iterable[Seal], where: str) -> Iterator[Finding]:
        """Yield what is wrong with signatures; `where` the seals stand is said behind it."""
        for seal in seals:
            if self.first is None and seal.key != self._public:
                continue
            try:
                check_signature(seal, self._public)
            except NotProven as error:
                yield self._wrong(seal, str(error).rstrip("."), where)
            else:
                self.first, self.last = self.first or seal, seal

    def _wrong(self, seal: Seal, why: str, where: str) -> Finding:
        problem = f"{why[:1].lower()}{why[1:]}{where}"
        if self.first is not None:
            problem += f"; seal {self.first.number} was signed with this key, and so must be all after it"
        wanted, found = f"signed with {self._public.hex()}", _signed(seal)
        return Finding(SEALS, seal.number, problem, wanted, found, is_sealed=True)


def _signed(seal: Seal) -> str:
    if seal.key is None or seal.signature is None:
        return "not signed"
    return f"signed with {seal.key.hex()}, as it says"
