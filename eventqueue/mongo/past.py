"""The log as it was at a moment: of each stream its first events, as far as the log had taken them by then.

By `_id` wherever streams are known, each question for so many places; by the index on `ts` where they are not.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from bson.max_key import MaxKey
from bson.timestamp import Timestamp
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference

from eventqueue.model.codec import EPOCH, LENIENT, stream_in, version_in
from eventqueue.model.events import Recorded
from eventqueue.model.marks import FIELDS, Mark, mark_of
from eventqueue.model.moments import INSTANT, LAST_SECOND, SECOND, between, was_by
from eventqueue.model.portions import portions, runs
from eventqueue.model.readable import Read, read_one
from eventqueue.mongo.log import ID_BYTES, MAJORITY, RAW, MongoLog
from eventqueue.mongo.slices import outlasting
from eventqueue.mongo.timeline import Timeline

PLACING = ("enqueued", "amended", "retry-amended")  # the types of events that say in which queue a job is
COUNTED = (1_000, 10_000, 100_000, 1_000_000)  # events
SOME = 10  # events, of which one is wanted
AT_ONCE = 200  # streams of which the ends are looked for in one question

Place = tuple[str, int]


def begin_of(database: Database[Any], log: MongoLog) -> datetime | None:
    """Return when the log took its first event, to the second, None if it has none."""
    first = Timeline(database, log).first()
    return None if first is None or first.ts is None else EPOCH + first.ts.time * SECOND


class Past:
    """One database's log as it was at `moment`."""

    def __init__(self, database: Database[Any], log: MongoLog, moment: datetime) -> None:
        self.moment = moment
        self._log = log
        self._timeline = Timeline(database, log)
        self._events = database.get_collection("events", RAW, ReadPreference.PRIMARY, None, MAJORITY)

    # By time

    def back(self, query: Mapping[str, Any], since: datetime | None = None) -> Iterator[Iterator[Mark]]:
        """Yield the marks of the events by then that fit `query`, down to those of `since`: the last first.

        Window by window: each is to be gone through before the next one is asked for.
        """
        return self._timeline.skim_windows(between(since, self.moment), query, reverse=True)

    def since(self, edge: datetime, query: Mapping[str, Any]) -> Iterator[Mark]:
        """Yield the marks of the events from `edge` on, by then, that fit `query`."""
        return self._timeline.skim(between(edge, self.moment), query)

    def beyond(self, edge: datetime, query: Mapping[str, Any]) -> Iterator[Mark]:
        """Yield the marks of the events after then and before `edge` that fit `query`."""
        return self._timeline.skim(between(self.moment + INSTANT, edge - INSTANT), query)

    def claims(self, worker: str, bounds: Mapping[str, Any]) -> Iterator[Read]:
        """Yield the claims of a worker within `bounds`, the last first: all that is there is looked at."""
        return self._timeline.read(bounds, {"type": "claimed", "data.worker": worker}, reverse=True)

    def edge(self, bounds: Mapping[str, Any], number: int) -> Timestamp | None:
        """See Timeline.edge."""
        return self._timeline.edge(bounds, number)

    # By place

    def events_at(self, places: Collection[Place]) -> Mapping[Place, Read]:
        """As `at`, but the events themselves, of those that came by then."""
        found: dict[Place, Read] = {}
        for query in _standing_at(places):
            events = map(read_one, outlasting(partial(self._raw, query)))
            found |= {(one.stream, one.version): one for one in events if was_by(one, self.moment)}
        return found

    def placings_before(self, places: Mapping[str, int]) -> Mapping[str, list[Read]]:
        """Return, by stream, the events before a version that say on what terms its job is, in order."""
        found: dict[str, list[Read]] = defaultdict(list)
        for query in _placing_before(places):
            for one in map(read_one, outlasting(partial(self._raw, query))):
                found[one.stream].append(one)
        return found

    def at(self, places: Collection[Place]) -> Mapping[Place, Mark]:
        """Return the marks of the events at these places, also of those that came later."""
        found: dict[Place, Mark] = {}
        for query in _standing_at(places):
            found |= {(one.stream, one.version): one for one in self._marks(query)}
        return found

    def queues_before(self, places: Mapping[str, int]) -> Mapping[str, Mapping[int, str]]:
        """Return, by stream, in which queues its job was before a version, by the versions that put it there."""
        found: dict[str, dict[int, str]] = defaultdict(dict)
        for query in _placing_before(places):
            for one in self._marks(query):
                if one.queue is not None:
                    found[one.stream][one.version] = one.queue
        return found

    def ends(self, streams: Collection[str]) -> Mapping[str, Mark]:
        """Return, by stream, the mark of the last event that each had by then."""
        return {
            one.stream: one
            for portion in runs(streams, AT_ONCE)
            for one in self._marks(self._first_events_of(portion))
            if was_by(one, self.moment)
        }

    def histories(self, streams: Collection[str]) -> Mapping[str, list[bytes]]:
        """Return, by stream, the stored events that each had by then, of those that had any."""
        found: dict[str, list[bytes]] = defaultdict(list)
        for portion in runs(streams, AT_ONCE):
            for raw in outlasting(partial(self._raw, self._first_events_of(portion))):
                if version_in(raw) is not None and was_by(read_one(raw), self.moment):
                    found[stream_in(raw)].append(raw)
        return found

    def history(self, stream: str) -> list[bytes]:
        """Return the stored events that a stream had by then."""
        query = self._first_events_of([stream])
        found = [raw for raw in outlasting(partial(self._raw, query)) if version_in(raw) is not None]
        # Its first ones (see model/moments.py), of which there may be very many: only the last are looked at for that.
        while found and not was_by(read_one(found[-1]), self.moment):
            found.pop()
        return found

    def ends_of(self, stream: str, types: Collection[str]) -> tuple[Read | None, Read | None]:
        """Return the first event that a stream had by then, and the last one of these types, however many it has."""
        query = self._first_events_of([stream])
        last = self._one({**query, "type": {"$in": [*types]}}, -1)
        return self._one(query, 1), last

    def _one(self, query: Mapping[str, Any], direction: int) -> Read | None:
        """Return the first event in a direction that came by then, of some: of those of a second few came after it."""
        order = [("_id", direction)]
        found = outlasting(lambda: list(self._events.find(query, sort=order, hint=[("_id", 1)], limit=SOME)))
        events = (read_one(bytes(one.raw)) for one in found)
        return next((one for one in events if was_by(one, self.moment)), None)

    def by_now(self, streams: Collection[str]) -> Mapping[str, list[Recorded]]:
        """Return, by stream, all events that each has by now, of those that can be read to their ends."""
        found: dict[str, list[Recorded]] = {}
        for some in runs(streams, AT_ONCE):
            found |= outlasting(partial(self._log.read_many, some))
        return found

    def category(self, name: str) -> Iterator[tuple[str, list[bytes]]]:
        """Yield the streams of a category that had an event by then, each with the stored events it had."""
        for stream, events in self._log.scan_raw(name):
            if had := [raw for raw in events if was_by(read_one(raw), self.moment)]:
                yield stream, had

    def newest(self, name: str, types: Collection[str], since: datetime, most: int | None = None) -> list[Read]:
        """Return the newest `most` events of a category that are of these types, from `since` on, by then."""
        within = {"_id": {"$gte": {"stream": f"{name}-"}, "$lt": {"stream": f"{name}."}}}
        span = between(since, self.moment)
        wanted = {"$and": [within, span, {"type": {"$in": [*types]}}]}
        by = self._shorter({"ts": span["ts"]}, within)
        # Ordered by the server: of very many few are wanted.
        pipeline: list[Mapping[str, Any]] = [{"$match": wanted}, {"$sort": {"ts": -1, "_id": -1}}]
        pipeline += [] if most is None else [{"$limit": most}]
        found = outlasting(lambda: list(self._events.aggregate(pipeline, hint=by, allowDiskUse=True)))
        return [read_one(bytes(one.raw)) for one in found]

    def _shorter(self, span: Mapping[str, Any], category: Mapping[str, Any]) -> Mapping[str, int]:
        """Return the index by which less is to be looked at: all that the log took in a time, or of a category ever.

        To know that costs no more than a few times the lesser: both are counted, by keys alone, up to ever more.
        """
        for most in COUNTED:
            for query, index in ((span, {"ts": 1}), (category, {"_id": 1})):
                count = partial(self._events.count_documents, query, limit=most, hint=index)
                if outlasting(count) < most:
                    return index
        return {"_id": 1}

    def category_unless(self, name: str, types: Collection[str]) -> list[str]:
        """Return the streams of a category that had an event by then, and none of these types."""
        within = {"_id": {"$gte": {"stream": f"{name}-"}, "$lt": {"stream": f"{name}."}}}
        # By the server: nearly all streams have such an event, and there may be very many.
        pipeline: list[Mapping[str, Any]] = [
            {"$match": {"$and": [within, between(None, self.moment)]}},
            {"$group": {"_id": "$_id.stream", "is_over": {"$max": {"$in": ["$type", list(types)]}}}},
            {"$match": {"is_over": False}},
            {"$sort": {"_id": 1}},
        ]
        events = self._events.with_options(LENIENT)
        found = outlasting(lambda: list(events.aggregate(pipeline, hint={"_id": 1}, allowDiskUse=True)))
        return [one["_id"] for one in found if isinstance(one["_id"], str)]

    def _raw(self, query: Mapping[str, Any]) -> list[bytes]:
        return [bytes(one.raw) for one in self._events.find(query, sort=[("_id", 1)], hint=[("_id", 1)])]

    def _marks(self, query: Mapping[str, Any], most: int = 0) -> list[Mark]:
        events, order = self._events.with_options(LENIENT), [("_id", 1)]
        found = outlasting(lambda: list(events.find(query, FIELDS, sort=order, hint=order, limit=most)))
        return [one for one in map(mark_of, found) if one is not None]

    def _first_events_of(self, streams: Iterable[str]) -> Mapping[str, Any]:
        # To the second: what is left over of that is seen to where the events are read.
        by = Timestamp(min(int(self.moment.timestamp()), LAST_SECOND), LAST_SECOND)
        return {"$or": [{"_id": _all_of(stream), "ts": {"$lte": by}} for stream in streams]}


def _standing_at(places: Collection[Place]) -> Iterator[Mapping[str, Any]]:
    for portion in portions(places, lambda place: len(place[0].encode()) + ID_BYTES):
        yield {"_id": {"$in": [_id(stream, version) for stream, version in portion]}}


def _placing_before(places: Mapping[str, int]) -> Iterator[Mapping[str, Any]]:
    for portion in runs(places, AT_ONCE):
        before = [{"_id": _all_of(stream) | {"$lt": _id(stream, places[stream])}} for stream in portion]
        yield {"$or": before, "type": {"$in": PLACING}}


def _id(stream: str, version: int) -> dict[str, Any]:
    return {"stream": stream, "version": version}


def _all_of(stream: str) -> dict[str, Any]:
    return {"$gt": {"stream": stream}, "$lt": {"stream": stream, "version": MaxKey()}}
