"""The EventLog protocol: what a log is, in whatever it is kept.

`mongo_log` keeps it in MongoDB, `memory_log` in a dictionary; tests/log holds both against one contract suite.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from eventqueue.errors import QueueError
from eventqueue.model.codec import Sealed
from eventqueue.model.events import Head, Recorded

PART = 1000  # events of a stream that are held at once


class Append(msgspec.Struct, frozen=True, gc=False):
    """Events to be put at the end of one stream, sealed onto the head they expect.

    Sealed once: handing the same Append in again sends the same bytes, so it is safe after an unknown outcome.
    """

    events: tuple[Sealed, ...]

    @property
    def stream(self) -> str:
        """The one stream that all the events belong to."""
        return self.events[0].recorded.stream

    @property
    def head(self) -> Head:
        """Where the stream stands once all the events are in it."""
        return self.events[-1].recorded.head

    @property
    def recorded(self) -> list[Recorded]:
        """The events in their envelopes, for folding them once they are acknowledged."""
        return [sealed.recorded for sealed in self.events]


class Appended(msgspec.Struct, frozen=True):  # an error that is raised may come round to it by its traceback
    """What became of one Append: how many of its events are in the log, and what stopped it short, if anything."""

    count: int
    conflict: bytes | None = None  # the hash of the event that holds the place instead: the expected version was low
    error: QueueError | None = None  # the database refused the event itself

    @property
    def is_whole(self) -> bool:
        """Whether every event of the append is in the log."""
        return self.conflict is None and self.error is None


class EventLog(Protocol):
    """Streams of events with dense versions 1..n, each append checked against the version it expects."""

    def append(self, appends: Sequence[Append]) -> list[Appended]:
        """Append each stream's events, in order, from its expected version on; at most one Append a stream.

        One result per append, in order. A lost race is a value, not an exception: in a batch it is ordinary. An
        event after one that was stopped is never appended, so no stream gets a hole.
        Raises LogUnavailable when an outcome cannot be learned before the deadline: hand the same appends in again.
        Raises ValueError for two appends to one stream.
        """
        ...

    def read(self, stream: str, after: int = 0, most: int | None = None) -> list[Recorded]:
        """Return the stream's events with versions above `after`, in order, the first `most` of them (None: all).

        What a hand has put into the stream at no version of it is read by nobody: it takes no event's place.
        """
        ...

    def read_many(self, streams: Iterable[str], most: int | None = None) -> dict[str, list[Recorded]]:
        """As `read`, of several streams at once, by their names; of each the first `most` versions alone.

        Those without events are missing, and those with one that cannot be read: it stops none of the others.
        """
        ...

    def read_raw(self, stream: str, after: int = 0, most: int | None = None) -> list[bytes]:
        """As `read`, but the events as stored, byte for byte: what their hashes are computed over."""
        ...

    def await_acknowledged(self) -> None:
        """Return once whatever was acknowledged by then is there for who reads.

        It always is, but for a moment after an election. To be called before something follows from what is absent.
        """
        ...

    def read_last(self, stream: str) -> Recorded | None:
        """Return the stream's last event, None if it has none; as cheap in a long stream as in a short one."""
        ...

    def find_next(self, heads: Iterable[tuple[str, int]]) -> set[str]:
        """Return those of the (stream, version) pairs' streams that hold an event after that version."""
        ...

    def holds(self, heads: Iterable[tuple[str, Head]]) -> set[str]:
        """Return those of the streams that hold the event of this head: its version, with its hash.

        To be asked before an append onto a head that a view shows. After a backup was restored that may be none of the
        log's, and nothing refuses an append above the log's end: it leaves a hole.
        """
        ...

    def find_streams(self, prefix: str, limit: int) -> list[str]:
        """Return up to `limit` streams whose names start with `prefix`, in order of their names."""
        ...

    def find_between(self, after: str, before: str) -> str | None:
        """Return the last of the streams between two names, in order of their names, None if none is there."""
        ...

    def scan(self, category: str | None = None) -> Iterator[Recorded]:
        """Yield every event, stream by stream in order of their names, each stream's in order of its versions.

        Events appended during the scan may or may not be among them. `category` narrows it to one.
        """
        ...

    def scan_last(self, category: str) -> Iterator[tuple[str, bytes]]:
        """Yield each of the category's streams, in no order, with its last event as stored.

        However long they are: some hundred streams a question.
        """
        ...

    def scan_raw(self, category: str | None = None) -> Iterator[tuple[str, list[bytes]]]:
        """As `scan`, but each stream's name with its events as stored, all at once."""
        ...

    def scan_parts(self, category: str | None = None) -> Iterator[tuple[str, list[bytes]]]:
        """As `scan_raw`, but PART events at most at once: a long stream comes in several parts, one after the other."""
        ...


def check_one_each(appends: Sequence[Append]) -> None:
    """Raise ValueError where two appends go to one stream: their order would be up to chance."""
    if len({append.stream for append in appends}) < len(appends):
        raise ValueError("a batch holds at most one append for each stream")
