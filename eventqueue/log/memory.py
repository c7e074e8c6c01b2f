"""The event log in a dictionary: the readable twin of `mongo.log`, under the same contract suite.

It stores the same bytes, so hashes, order and conflicts are what they are in MongoDB; only durability is missing.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from threading import Lock

from eventqueue.errors import LogCorrupt
from eventqueue.model.codec import Sealed, decode
from eventqueue.model.events import Head, Recorded, category_of
from eventqueue.ports.log import PART, Append, Appended, check_one_each


class MemoryLog:
    """An EventLog that lives as long as the process."""

    def __init__(self) -> None:
        self._streams: dict[str, list[Sealed]] = {}
        self._lock = Lock()

    def append(self, appends: Sequence[Append]) -> list[Appended]:
        """See EventLog.append."""
        check_one_each(appends)
        with self._lock:
            return [self._append_one(append) for append in appends]

    def _append_one(self, append: Append) -> Appended:
        stream = self._streams.setdefault(append.stream, [])
        for count, sealed in enumerate(append.events):
            place = sealed.recorded.version - 1
            if place > len(stream):
                raise ValueError(f"version {place + 1} of {append.stream} would leave a hole")
            if place == len(stream):
                stream.append(sealed)
            elif stream[place].recorded.hash != sealed.recorded.hash:
                return Appended(count, conflict=stream[place].recorded.hash)
        return Appended(len(append.events))

    def read(self, stream: str, after: int = 0, most: int | None = None) -> list[Recorded]:
        """See EventLog.read."""
        return [decode(raw) for raw in self.read_raw(stream, after, most)]

    def read_many(self, streams: Iterable[str], most: int | None = None) -> dict[str, list[Recorded]]:
        """See EventLog.read_many."""
        histories = {}
        for stream in streams:
            with suppress(LogCorrupt):
                histories[stream] = self.read(stream, most=most)
        return {stream: history for stream, history in histories.items() if history}

    def read_raw(self, stream: str, after: int = 0, most: int | None = None) -> list[bytes]:
        """See EventLog.read_raw."""
        return [sealed.raw for sealed in self._streams.get(stream, [])[after:][:most]]

    def await_acknowledged(self) -> None:
        """See EventLog.await_acknowledged."""

    def read_last(self, stream: str) -> Recorded | None:
        """See EventLog.read_last."""
        return next((decode(raw) for raw in self.read_raw(stream)[-1:]), None)

    def find_next(self, heads: Iterable[tuple[str, int]]) -> set[str]:
        """See EventLog.find_next."""
        return {stream for stream, version in heads if len(self._streams.get(stream, [])) > version}

    def holds(self, heads: Iterable[tuple[str, Head]]) -> set[str]:
        """See EventLog.holds."""
        at = {
            stream: {one.recorded.version: one.recorded.hash for one in all_} for stream, all_ in self._streams.items()
        }
        return {stream for stream, head in heads if head.version and at.get(stream, {}).get(head.version) == head.hash}

    def find_streams(self, prefix: str, limit: int) -> list[str]:
        """See EventLog.find_streams."""
        return sorted(stream for stream, events in self._streams.items() if events and stream.startswith(prefix))[
            :limit
        ]

    def find_between(self, after: str, before: str) -> str | None:
        """See EventLog.find_between."""
        bounds = after.encode(), before.encode()
        there = (stream for stream, events in self._streams.items() if events)
        return max((one for one in there if bounds[0] < one.encode() < bounds[1]), key=str.encode, default=None)

    def scan(self, category: str | None = None) -> Iterator[Recorded]:
        """See EventLog.scan."""
        for _, history in self.scan_raw(category):
            yield from map(decode, history)

    def scan_last(self, category: str) -> Iterator[tuple[str, bytes]]:
        """See EventLog.scan_last."""
        return ((stream, history[-1]) for stream, history in self.scan_raw(category))

    def scan_raw(self, category: str | None = None) -> Iterator[tuple[str, list[bytes]]]:
        """See EventLog.scan_raw."""
        for stream in sorted(self._streams, key=str.encode):
            history = self.read_raw(stream)
            if history and (category is None or category_of(stream) == category):
                yield stream, history

    def scan_parts(self, category: str | None = None) -> Iterator[tuple[str, list[bytes]]]:
        """See EventLog.scan_parts."""
        for stream, history in self.scan_raw(category):
            yield from ((stream, history[start : start + PART]) for start in range(0, len(history), PART))
