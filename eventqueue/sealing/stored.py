"""The seals of a log as it keeps them, and their leaves, page after page."""

from collections.abc import Iterator

import msgspec
from bson.timestamp import Timestamp

from eventqueue.audit.leaves import Leaf, parse, unpack
from eventqueue.audit.seals import LEAVES, SEALS, LeavesSealed, LogSealed, Seal, seal_of
from eventqueue.errors import LogCorrupt, NotSealed
from eventqueue.model.codec import decode
from eventqueue.model.events import Recorded
from eventqueue.mongo.log import MongoLog

PAGE = 500  # seals that are read at once
PIECES = 50  # events of leaves that are read at once, each up to 64 KiB


class Made(msgspec.Struct, frozen=True):
    """A seal as the log has it, and what the next one goes on from."""

    recorded: Recorded
    said: LogSealed
    seal: Seal


def last(log: MongoLog) -> Made | None:
    """Return the last seal, None where there is none yet. Raises LogCorrupt for one that cannot be read."""
    recorded = log.read_last(SEALS)
    return None if recorded is None else made_of(recorded)


def seals(log: MongoLog, after: int = 0) -> Iterator[Made]:
    """Yield the seals behind version `after` of their stream, in order. Raises LogCorrupt."""
    while page := log.read_raw(SEALS, after, PAGE):
        for raw in page:
            yield made_of(decode(raw))
        after += len(page)
        if len(page) < PAGE:
            return


def seal_number(log: MongoLog, number: int | None) -> Made:
    """Return seal `number`, None: the last one. Raises NotSealed where there is no such seal."""
    if number is None:
        found = last(log)
    else:
        page = log.read(SEALS, number - 1, 1)
        found = made_of(page[0]) if page and page[0].version == number else None
    if found is None and number is None:
        raise NotSealed("No seal was made yet: `queuectl audit seal` makes one.")
    if found is None:
        raise NotSealed(f"There is no seal {number}: `queuectl audit seals` lists them.")
    return found


def identity(log: MongoLog, log_id: str) -> str:
    """Return the id under which a log is sealed: that of the log that it began as, also after it was imported."""
    first = log.read(SEALS, 0, 1)
    return made_of(first[0]).said.log if first else log_id


class Pieces:
    """Reads the events of `seal-leaves` in order, each once; asked for those of one seal after another."""

    def __init__(self, log: MongoLog, after: int = 0) -> None:
        self._log = log
        self._events = self._read(after)
        self._next = next(self._events, None)

    def of(self, said: LogSealed) -> Iterator[bytes]:
        """Yield the leaves of a seal. Fewer than it has, if they are not there; to be read to the end."""
        first, last = said.leaves
        while self._next is not None and self._next[0] <= last:
            version, leaves = self._next
            if version >= first:
                yield from unpack(leaves)
            self._next = next(self._events, None)

    def _read(self, after: int) -> Iterator[tuple[int, bytes]]:
        while page := self._log.read_raw(LEAVES, after, PIECES):
            for raw in page:
                recorded = decode(raw)
                if not isinstance(recorded.event, LeavesSealed):
                    raise LogCorrupt(f"{LEAVES} holds at version {recorded.version} what are no leaves.")
                yield recorded.version, recorded.event.leaves
                after = recorded.version


def leaves_until(log: MongoLog, made: Made) -> Iterator[bytes]:
    """Yield the leaves of all seals up to one of them, in order."""
    pieces = Pieces(log)
    for one in seals(log):
        yield from pieces.of(one.said)
        if one.said.number >= made.said.number:
            return


def leaves_since(log: MongoLog, made: Made, since: Timestamp) -> Iterator[tuple[Leaf, Timestamp]]:
    """Yield the leaves of each seal for which events after `since` had been looked at, the last one's first.

    Each with up to when had been looked. Raises LogCorrupt.
    """
    one: Made | None = made
    while one is not None and (looked := Timestamp(*one.said.looked)) >= since:
        for data in Pieces(log, one.said.leaves[0] - 1).of(one.said):
            try:
                yield parse(data), looked
            except ValueError:
                raise LogCorrupt(f"The leaves of seal {one.said.number} were altered.") from None
        one = before(log, one)


def before(log: MongoLog, made: Made) -> Made | None:
    """Return the seal before one, None if it is the first. Raises LogCorrupt where it is not there."""
    version = made.recorded.version - 1
    found = log.read(SEALS, version - 1, 1) if version else []
    if version and (not found or found[0].version != version):  # what comes next there is would be this one again
        raise LogCorrupt(f"{SEALS} has no version {version}, which seal {made.said.number} stands behind.")
    return made_of(found[0]) if found else None


def made_of(recorded: Recorded) -> Made:
    """Return the seal in an event. Raises LogCorrupt for one that is no seal, or where one before it is gone."""
    seal = seal_of(recorded)
    assert isinstance(recorded.event, LogSealed)
    if seal.number != recorded.version:
        where = f"Seal {seal.number} stands where seal {recorded.version} belongs"
        raise LogCorrupt(f"{where}: it was altered, or one before it was removed.")
    return Made(recorded, recorded.event, seal)
