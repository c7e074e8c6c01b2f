"""The event log in MongoDB: one document an event, `_id` = (stream, version) is the optimistic lock.

Nothing is ever updated, replaced or deleted. Concerns are set here, on the handle, and not left to a URI: every
append is acknowledged by a majority and journaled, every read is a majority read from the primary.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, groupby, islice, pairwise
from typing import Any

import bson
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.raw_bson import RawBSONDocument
from pymongo import timeout
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from eventqueue.errors import LogCorrupt, LogUnavailable, QueueError, Unavailable
from eventqueue.model.codec import CODEC, LENIENT, Sealed, decode, decode_all, split, stream_in, version_in
from eventqueue.model.envelope import VERSION_MAX
from eventqueue.model.events import CATEGORIES, Head, Recorded
from eventqueue.model.portions import portions
from eventqueue.mongo.errors import DUPLICATE_KEY, TRANSIENT, is_transient, to_queue_error, translated
from eventqueue.mongo.slices import id_of, slices
from eventqueue.ports.log import PART, Append, Appended, check_one_each

DURABLE = WriteConcern("majority", j=True)
MAJORITY = ReadConcern("majority")
LINEARIZABLE = ReadConcern("linearizable")
RAW = CODEC.with_options(document_class=RawBSONDocument)

# BSON orders documents by the type of their first element first: an `_id` with the version in front, which is no place
# in any stream, comes before them all.
PLACED: Mapping[str, Any] = {"_id": {"$gte": {"stream": ""}}}

ID_BYTES = 64  # of a place in a query, at most, beside its stream's name
_PAUSE_FIRST, _PAUSE_MAX = 0.01, 0.5  # seconds between two tries while an outcome is open
LAST_MAX = 100  # events that are looked through at once for the last ones
FEW_EVENTS = 4  # of a stream, which most jobs have no more of
_TRY_MAX = 10.0  # seconds: a server that went silent is given up for another connection
VISIBLE_S = 105
"""Within so many seconds of its `ts` an event can be read, or never: it is stamped when it is inserted.

The server gives up an append after `_TRY_MAX`, and after a minute a transaction of an application's in which a job is
enqueued: it looks for these every half. Fifteen seconds are for how late it may be in that.
"""
LIFETIME_MAX_S = 60
"""As long as a transaction in which a job is enqueued may last, so that VISIBLE_S holds: MongoDB's own default."""
OWN_VISIBLE_S = 15
"""As VISIBLE_S, of events that no transaction of others can hold: all but those that begin a job."""

Verdict = QueueError | bytes | None
"""Of one event: None when it is in the log, the hash that holds its place, or the error that refused it."""


class MongoLog:
    """An EventLog in the `events` collection of `database`; `deadline` bounds every append, in seconds."""

    def __init__(self, database: Database[Any], deadline: float = 30.0) -> None:
        self._database = database
        self._events: Collection[Any] = database.get_collection(
            "events", RAW, ReadPreference.PRIMARY, DURABLE, MAJORITY
        )
        self._deadline = deadline

    def append(self, appends: Sequence[Append]) -> list[Appended]:
        """See EventLog.append."""
        check_one_each(appends)
        results = {append.stream: Appended(len(append.events)) for append in appends}
        live, wave = list(appends), 0
        # A second event of a stream goes in a second wave, for the winners only: to lose version 2 and win
        # version 3 would leave a hole.
        while live := [append for append in live if len(append.events) > wave]:
            verdicts = self._insert([append.events[wave] for append in live])
            for append, verdict in zip(live, verdicts, strict=True):
                if verdict is not None:
                    results[append.stream] = _stopped(wave, verdict)
            live = [append for append, verdict in zip(live, verdicts, strict=True) if verdict is None]
            wave += 1
        return list(results.values())

    def _insert(self, events: Sequence[Sealed]) -> list[Verdict]:
        """Insert events of different streams, and ask again until each one's outcome is known."""
        verdicts: dict[int, Verdict] = {}
        give_up, pause = time.monotonic() + self._deadline, _PAUSE_FIRST
        is_again, reason = False, QueueError()
        while True:
            open_ = [place for place in range(len(events)) if place not in verdicts]
            try:
                with timeout(min(max(give_up - time.monotonic(), _PAUSE_FIRST), _TRY_MAX)):
                    verdicts.update(self._insert_once({place: events[place] for place in open_}))
            except PyMongoError as error:
                reason = to_queue_error(error)
                if not is_transient(error):
                    # It is about this try; an earlier one may have come through all the same.
                    raise (_unknown(events, f"({reason})") if is_again else reason) from error
            else:
                reason = Unavailable("an event that holds the place of another is not majority-committed yet")
            is_again = True
            if len(verdicts) == len(events):
                return [verdicts[place] for place in range(len(events))]
            if time.monotonic() > give_up:
                raise _unknown(events, f"after {self._deadline:g} s ({reason})")
            time.sleep(pause)
            pause = min(2 * pause, _PAUSE_MAX)

    def _insert_once(self, events: Mapping[int, Sealed]) -> dict[int, Verdict]:
        """Return the verdicts that one try brought; an event that has none yet is to be sent again as it is."""
        verdicts: dict[int, Verdict] = {}
        for places in portions(events, lambda place: len(events[place].raw)):
            # A command and not the driver's insert_many, whose writes can be repeated only because the server keeps a
            # record of each session's last; ours can be as they are, and every event is spared its part in that.
            reply = self._database.command(
                {
                    "insert": self._events.name,
                    "documents": [RawBSONDocument(events[place].raw, RAW) for place in places],
                    "ordered": False,
                    "writeConcern": DURABLE.document,
                }
            )
            failures = {places[one["index"]]: one for one in reply.get("writeErrors", ())}
            # A write concern error leaves the whole batch unknown: what seemed inserted may yet be rolled back.
            if "writeConcernError" not in reply:
                verdicts.update(dict.fromkeys(place for place in places if place not in failures))
            verdicts.update(self._judge({p: events[p] for p, one in failures.items() if one["code"] == DUPLICATE_KEY}))
            verdicts.update({p: _refused(one) for p, one in failures.items() if not _may_pass(one)})
        return verdicts

    def _judge(self, duplicates: Mapping[int, Sealed]) -> dict[int, Verdict]:
        """Tell, of events whose place is taken, ours from others': equal hashes mean that an earlier try landed."""
        if not duplicates:
            return {}
        ids = [{"stream": one.recorded.stream, "version": one.recorded.version} for one in duplicates.values()]
        found = {
            (doc["_id"]["stream"], doc["_id"]["version"]): bytes(doc["hash"])
            for doc in self._events.find({"_id": {"$in": ids}}, {"hash": 1})
        }
        verdicts: dict[int, Verdict] = {}
        for place, one in duplicates.items():
            held = found.get((one.recorded.stream, one.recorded.version))
            if held is not None:  # absent: the other event is not majority-committed yet, so ask again
                verdicts[place] = None if held == one.recorded.hash else held
        return verdicts

    def read(self, stream: str, after: int = 0, most: int | None = None) -> list[Recorded]:
        """See EventLog.read."""
        return [decode(raw) for raw in self.read_raw(stream, after, most)]

    def read_many(self, streams: Iterable[str], most: int | None = None) -> dict[str, list[Recorded]]:
        """See EventLog.read_many."""
        histories: dict[str, list[Recorded]] = defaultdict(list)
        unread: set[str] = set()
        if ranges := [_versions_of(stream, most=most) for stream in streams]:
            with translated():
                for raw in _placed(self._events.find({"$or": ranges}, sort=[("_id", 1)])):
                    try:
                        event = decode(raw)
                        histories[event.stream].append(event)
                    except LogCorrupt:
                        unread.add(stream_in(raw))
        return {stream: history for stream, history in histories.items() if stream not in unread}

    def read_raw(self, stream: str, after: int = 0, most: int | None = None) -> list[bytes]:
        """See EventLog.read_raw."""
        with translated():
            found = list(self._events.find(_versions_of(stream, after), sort=[("_id", 1)], limit=most or 0))
            events = list(_placed(found))
            if most and len(events) < len(found) == most:  # a hand has put something between them
                events = list(_placed(self._events.find(_versions_of(stream, after), sort=[("_id", 1)])))[:most]
            return events

    def read_part(
        self,
        stream: str,
        edge: bytes | None = None,
        most: int | None = None,
        *,
        reverse: bool = False,
        enough: int | None = None,
    ) -> list[bytes]:
        """Return up to `most` events behind the stored event `edge`, or, in `reverse`, before it (None: from the end).

        Once they have `enough` bytes no more follow. Whatever a hand has put into the stream is among them, also where
        it stands at no version.
        """
        ids: dict[str, Any] = {"$gte": {"stream": stream}, "$lte": {"stream": stream, "version": MaxKey()}}
        if edge is not None:
            ids["$lt" if reverse else "$gt"] = id_of(edge)
        with translated():
            found, size = [], 0
            with self._events.find({"_id": ids}, sort=[("_id", -1 if reverse else 1)], limit=most or 0) as documents:
                for one in documents:
                    found.append(bytes(one.raw))
                    size += len(one.raw)
                    if enough is not None and size >= enough:
                        break
            return found

    def has_field(self, stream: str, name: str, after: int = 0) -> bool:
        """Whether any event of a stream behind version `after` has something in a field; all of these are looked at."""
        with translated():
            return self._events.find_one({**_versions_of(stream, after), name: {"$ne": None}}, {"_id": 1}) is not None

    def read_whole(self, streams: Iterable[str]) -> list[bytes]:
        """Return all that stands in some streams, in their order, as `read_part` does of one."""
        ranges = [
            {"_id": {"$gte": {"stream": stream}, "$lte": {"stream": stream, "version": MaxKey()}}} for stream in streams
        ]
        with translated():
            found = self._events.find({"$or": ranges}, sort=[("_id", 1)]) if ranges else ()
            return [bytes(doc.raw) for doc in found]

    def read_last(self, stream: str) -> Recorded | None:
        """See EventLog.read_last."""
        query, order = _versions_of(stream), [("_id", -1)]
        with translated():
            doc = self._events.find_one(query, sort=order)
            raw = None if doc is None else bytes(doc.raw)
            if raw is not None and version_in(raw) is None:  # what a hand has put behind it
                raw = next(_placed(self._events.find(query, sort=order)), None)
        return None if raw is None else decode(raw)

    def await_acknowledged(self) -> None:
        """See EventLog.await_acknowledged."""
        # A new primary learns what a majority has only once that has followed it: linearizable reads wait for this.
        with translated():
            self._events.with_options(read_concern=LINEARIZABLE).find_one({}, {"_id": 1})

    def find_next(self, heads: Iterable[tuple[str, int]]) -> set[str]:
        """See EventLog.find_next."""
        ids = [{"stream": stream, "version": version + 1} for stream, version in heads]
        with translated():
            return {doc["_id"]["stream"] for doc in self._events.find({"_id": {"$in": ids}}, {"_id": 1})}

    def holds(self, heads: Iterable[tuple[str, Head]]) -> set[str]:
        """See EventLog.holds."""
        held: set[str] = set()
        for portion in portions(heads, lambda head: len(head[0].encode()) + ID_BYTES):
            hashes = {(stream, head.version): head.hash for stream, head in portion}
            ids = [{"stream": stream, "version": version} for stream, version in hashes]
            with translated():
                for doc in self._events.find({"_id": {"$in": ids}}, {"hash": 1}):
                    place = doc["_id"]["stream"], doc["_id"]["version"]
                    if bytes(doc["hash"]) == hashes[place]:
                        held.add(place[0])
        return held

    def find_streams(self, prefix: str, limit: int) -> list[str]:
        """See EventLog.find_streams."""
        streams: dict[str, None] = {}
        bound: dict[str, Any] = {"$gte": {"stream": prefix}}
        with translated():
            while (left := limit - len(streams)) > 0:
                # Of most streams all events are there at once: one after the other each would be a question.
                most = left * FEW_EVENTS
                there = self._events.find({"_id": bound}, {"_id": 1}, sort=[("_id", 1)], limit=most, batch_size=most)
                found = [_begins_with(prefix, doc["_id"]) for doc in there]
                streams |= dict.fromkeys(one for one in found if one is not None)
                if not found or found[-1] is None:
                    break
                bound = {"$gt": {"stream": found[-1], "version": MaxKey()}}
        return list(streams)[:limit]

    def find_between(self, after: str, before: str) -> str | None:
        """See EventLog.find_between."""
        between = {"$gt": {"stream": after, "version": MaxKey()}, "$lt": {"stream": before}}
        with translated():
            doc = self._events.find_one({"_id": between}, {"_id": 1}, sort=[("_id", -1)])
        return None if doc is None else str(doc["_id"]["stream"])

    def find_outside(self, limit: int) -> list[Mapping[str, Any]]:
        """Return the `_id`s of up to `limit` events that stand in no stream of a category known here."""
        gaps = [_between(one, other) for one, other in pairwise([None, *sorted(CATEGORIES), None])]
        with translated():
            # A range of the index each: the events inside the categories, nearly all there are, are not looked at.
            found = self._events.find({"$or": gaps}, {"_id": 1}, limit=limit)
            return [bson.decode(doc.raw, CODEC)["_id"] for doc in found]

    def find_misplaced(self, limit: int) -> list[Mapping[str, Any]]:
        """Return the `_id`s of up to `limit` events that stand in no stream at all, as the validator refuses them."""
        every = self._events.find({}, {"_id": 1}, hint={"_id": 1})
        nothing: Any = MinKey()
        beyond: Any = b""
        # By the index and its own order of types: a comparison with an object finds objects alone.
        before = every.clone().min([("_id", nothing)]).max([("_id", PLACED["_id"]["$gte"])])
        behind = every.clone().min([("_id", beyond)])  # where all types are that stand behind objects
        greatest = self._events.find({"_id": MaxKey()}, {"_id": 1})  # which is in no range
        with translated():
            found = islice(chain(before.limit(limit), behind.limit(limit), greatest), limit)
            return [bson.decode(doc.raw, LENIENT)["_id"] for doc in found]

    def last_stream(self, category: str) -> str | None:
        """Return the last of the category's streams in order of their names, None if there is none."""
        with translated():
            doc = self._events.find_one(_streams_of(category), {"_id": 1}, sort=[("_id", -1)])
        return None if doc is None else str(doc["_id"]["stream"])

    def scan(self, category: str | None = None) -> Iterator[Recorded]:
        """See EventLog.scan."""
        for batch in self.scan_batches(category):
            yield from decode_all(batch)

    def scan_batches(
        self, category: str | None = None, after: str | None = None, last: str | None = None
    ) -> Iterator[bytes]:
        """As `scan`, but many stored events in one piece: to be handed each by itself costs as much as decoding it.

        Only streams behind `after` in order of their names, up to `last`.
        """
        query = _streams_of(category)
        if after is not None:
            query["_id"]["$gte"] = {"stream": after, "version": MaxKey()}
        if last is not None:
            query["_id"]["$lt"] = {"stream": last, "version": MaxKey()}
        return slices(self._events, query, self._deadline)

    def scan_last(self, category: str) -> Iterator[tuple[str, bytes]]:
        """See EventLog.scan_last."""
        # Downwards, so that of each stream the last event comes first; those before it are jumped over.
        below = _streams_of(category)["_id"]
        while True:
            with translated():
                found = [
                    bytes(one.raw) for one in self._events.find({"_id": below}, sort=[("_id", -1)], limit=LAST_MAX)
                ]
            for stream, events in groupby(found, key=stream_in):
                some = list(events)
                if (last := next((raw for raw in some if version_in(raw) is not None), None)) is not None:
                    yield stream, last
                below = {**below, "$lt": {"stream": stream} if last is not None else id_of(some[-1])}
            if len(found) < LAST_MAX:
                return

    def scan_raw(self, category: str | None = None) -> Iterator[tuple[str, list[bytes]]]:
        """See EventLog.scan_raw."""
        for stream, events in self._streams(category):
            yield stream, list(events)

    def scan_parts(self, category: str | None = None) -> Iterator[tuple[str, list[bytes]]]:
        """See EventLog.scan_parts."""
        for stream, events in self._streams(category):
            while part := list(islice(events, PART)):
                yield stream, part

    def _streams(self, category: str | None) -> Iterator[tuple[str, Iterator[bytes]]]:
        stored = chain.from_iterable(map(split, self.scan_batches(category)))
        return groupby((raw for raw in stored if version_in(raw) is not None), key=stream_in)


def _unknown(events: Sequence[Sealed], why: str) -> LogUnavailable:
    # To try again is for who has the same bytes: of a job without an id it would make another one.
    why = why.replace(": try again.)", ")").replace(".)", ")") + "."
    return LogUnavailable(
        f"Whether the append happened is unknown {why}", [one.recorded.stream for one in events], why=why
    )


def _versions_of(stream: str, after: int = 0, most: int | None = None) -> dict[str, Any]:
    # A range over whole `_id`s walks the index; a filter on `_id.stream` would scan the collection. Of what is no
    # version it leaves out all but what lies between two: see `_placed`.
    end = VERSION_MAX if most is None else min(after + most, VERSION_MAX)
    return {"_id": {"$gt": {"stream": stream, "version": after}, "$lte": {"stream": stream, "version": end}}}


def _placed(found: Iterable[RawBSONDocument]) -> Iterator[bytes]:
    """Yield the events that stand at a version of their stream: what does not is in nobody's way."""
    return (raw for raw in (bytes(doc.raw) for doc in found) if version_in(raw) is not None)


def _streams_of(category: str | None) -> dict[str, Any]:
    if category is None:
        return {}
    # `-` is followed by `.` in the order of bytes, so this is every stream of the category and no other.
    return {"_id": {"$gte": {"stream": f"{category}-"}, "$lt": {"stream": f"{category}."}}}


def _begins_with(prefix: str, place: Any) -> str | None:
    """Return the stream of a place, if it begins so. Behind all streams there may be what stands in none."""
    match place:
        case {"stream": str(stream)} if stream.startswith(prefix):
            return stream
        case _:
            return None


def _between(category: str | None, other: str | None) -> dict[str, Any]:
    """Return what stands behind all streams of a category and before those of another; None: the log's two ends."""
    bounds: dict[str, Any] = {}
    if category is not None:
        bounds["$gte"] = {"stream": f"{category}."}
    if other is not None:
        bounds["$lt"] = {"stream": f"{other}-"}
    return {"_id": bounds}


def _stopped(count: int, verdict: QueueError | bytes) -> Appended:
    if isinstance(verdict, bytes):
        return Appended(count, conflict=verdict)
    return Appended(count, error=verdict)


def _may_pass(failure: Mapping[str, Any]) -> bool:
    return failure["code"] == DUPLICATE_KEY or failure["code"] in TRANSIENT


def _refused(failure: Mapping[str, Any]) -> QueueError:
    return LogCorrupt(f"MongoDB refused the event: {failure.get('errmsg', failure['code'])}.")
