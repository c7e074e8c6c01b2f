"""The log in the order in which it was taken: by `ts`, and where that is the same, by stream and version.

In windows of so many events by the index on `ts`, whatever of them fits a filter: so no question looks at more than
that, however few of millions are wanted, and after an election it goes on behind the last event.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import merge
from itertools import groupby
from typing import Any, Self, TypeVar

from bson.timestamp import Timestamp
from pymongo.change_stream import ChangeStream
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.read_preferences import ReadPreference

from eventqueue.errors import Unavailable
from eventqueue.model.codec import LENIENT
from eventqueue.model.events import Recorded
from eventqueue.model.marks import FIELDS, Mark, mark_of
from eventqueue.model.readable import Read, Unreadable, read_one
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.errors import may_read_on, to_queue_error, translated
from eventqueue.mongo.log import MAJORITY, RAW, MongoLog
from eventqueue.mongo.slices import PATIENCE_S, outlasting

WINDOW = 20_000  # events
SLICE = 1000  # events that are sent at once
AWAIT_MS = 500  # for an event that comes: whoever follows hears a stop in between
# Within so many seconds of its `ts` an event is visible: one that takes longer in the server does not come any more.
VISIBLE_S = 10
PAUSE_S = 0.1

Order = tuple[Timestamp, str, int]
Placed = TypeVar("Placed", Recorded | Unreadable, Mark)


def place_of(one: Read | Mark) -> Order:
    """Return where an event stands in the order of the log."""
    return one.ts or Timestamp(0, 0), one.stream, one.version


class Timeline:
    """Reads the log of one database in its order."""

    def __init__(self, database: Database[Any], log: MongoLog) -> None:
        self._database = database
        self._log = log
        self._events: Collection[Any] = database.get_collection("events", RAW, ReadPreference.PRIMARY, None, MAJORITY)

    def read(self, bounds: Mapping[str, Any], query: Mapping[str, Any], *, reverse: bool = False) -> Iterator[Read]:
        """Yield the events within `bounds`, as `moments.between` makes them, that fit `query`; `reverse`: last first.

        Raises Unavailable.
        """
        return self._walk(bounds, query, self._groups, reverse=reverse)

    def skim(self, bounds: Mapping[str, Any], query: Mapping[str, Any], *, reverse: bool = False) -> Iterator[Mark]:
        """As `read`, but the events' marks alone."""
        return self._walk(bounds, query, self._groups_of_marks, reverse=reverse)

    def first(self) -> Mark | None:
        """Return the mark of the first event, None where there is none. Raises Unavailable."""
        events = self._events.with_options(LENIENT)
        found = outlasting(lambda: events.find_one({"ts": {"$gte": Timestamp(0, 0)}}, FIELDS, sort=[("ts", 1)]))
        return None if found is None else mark_of(found)

    def _walk(
        self,
        bounds: Mapping[str, Any],
        query: Mapping[str, Any],
        groups: Callable[[Mapping[str, Any], int], Iterator[list[Placed]]],
        *,
        reverse: bool,
    ) -> Iterator[Placed]:
        left = dict(bounds["ts"])
        behind, ahead, direction = ("$lte", "$lt", -1) if reverse else ("$gte", "$gt", 1)
        give_up = time.monotonic() + PATIENCE_S
        while True:
            told: Timestamp | None = None  # up to here
            try:
                end = self._end_of_window(left, direction)
                window = left if end is None else {**left, ("$gte" if reverse else "$lte"): end}
                within = {"$and": [{"ts": window}, {name: bounds[name] for name in bounds if name != "ts"}, query]}
                for some in groups(within, direction):
                    yield from some if len(some) == 1 else sorted(some, key=place_of, reverse=reverse)
                    told = some[0].ts
                if end is None:
                    return
                told = end
            except PyMongoError as error:
                give_up = give_up if told is None else time.monotonic() + PATIENCE_S
                if not may_read_on(error) or time.monotonic() > give_up:
                    raise to_queue_error(error) from error
                time.sleep(PAUSE_S)
            else:
                give_up = time.monotonic() + PATIENCE_S
            if told is not None:
                left = {**_without(left, behind), ahead: told}

    def _end_of_window(self, left: Mapping[str, Any], direction: int) -> Timestamp | None:
        found = list(
            self._events.find({"ts": left}, {"_id": 0, "ts": 1}, sort=[("ts", direction)], skip=WINDOW, limit=1)
        )
        return found[0]["ts"] if found else None

    def _groups(self, query: Mapping[str, Any], direction: int) -> Iterator[list[Read]]:
        """Yield the events that `query` finds in order of `ts`, those of the same one together."""
        # By itself the server sends 16 MB after the first hundred, of which somebody may want a few.
        with self._events.find(query, sort=[("ts", direction)], batch_size=SLICE) as found:
            for _, some in groupby((read_one(bytes(doc.raw)) for doc in found), key=lambda one: one.ts):
                yield list(some)

    def _groups_of_marks(self, query: Mapping[str, Any], direction: int) -> Iterator[list[Mark]]:
        events = self._events.with_options(LENIENT)
        with events.find(query, FIELDS, sort=[("ts", direction)]) as found:
            for _, some in groupby(filter(None, map(mark_of, found)), key=lambda one: one.ts):
                yield list(some)

    def of_streams(self, streams: Iterable[str], *, reverse: bool = False) -> Iterator[Read]:
        """Yield the events of these streams alone, in the order of the log."""
        return merge(*(self._of(stream, reverse=reverse) for stream in streams), key=place_of, reverse=reverse)

    def _of(self, stream: str, *, reverse: bool) -> Iterator[Read]:
        edge = None if reverse else 0
        while found := self._log.read_part(stream, edge, SLICE, reverse=reverse):
            for raw in found:
                one = read_one(raw)
                edge = one.version
                yield one

    def follow(self) -> "Following":
        """Return what is appended from now on."""
        return Following(self._events, majority_time(self._database))


class Following:
    """The events that come, in the order in which they are committed; a context manager.

    `since`: the log's time before the first of them; some that were appended shortly before it may be among them.
    """

    def __init__(self, events: Collection[Any], since: Timestamp) -> None:
        self.since = since
        self._events = events
        with translated():
            self._stream = self._open(None)

    def _open(self, token: Mapping[str, Any] | None) -> ChangeStream[Any]:
        inserts = [{"$match": {"operationType": "insert"}}]
        return self._events.watch(inserts, max_await_time_ms=AWAIT_MS, resume_after=token)

    def read(self) -> Read | None:
        """Return the next event, None if none came for half a second. Raises Unavailable where that cannot be told."""
        token = self._stream.resume_token
        try:
            change = self._stream.try_next()
        except PyMongoError as error:
            if not may_read_on(error):
                raise to_queue_error(error) from error
            self._stream = outlasting(lambda: self._open(token))  # behind the last one that was read
            return None
        if not self._stream.alive:
            raise Unavailable("The collection `events` was dropped, to restore a backup perhaps: ask again.")
        return None if change is None else read_one(bytes(change["fullDocument"].raw))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def _without(bounds: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in bounds.items() if key != name}
