"""The log in the order in which it was taken: by `ts`, and where that is the same, by stream and version.

In windows of so many events by the index on `ts`, whatever of them fits a filter: so no question looks at more than
that, however few of millions are wanted, and after an election it goes on behind the last event.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from heapq import merge
from itertools import chain, groupby, islice
from operator import attrgetter
from struct import unpack_from
from typing import Any, Generic, Self, TypeVar

import bson
from bson.codec_options import CodecOptions
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.change_stream import ChangeStream
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.read_preferences import ReadPreference

from eventqueue.errors import Unavailable
from eventqueue.model.codec import LENIENT, split
from eventqueue.model.envelope import place_in
from eventqueue.model.marks import FIELDS, Mark, mark_of
from eventqueue.model.moments import LAST_SECOND
from eventqueue.model.readable import Read, read_one
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.errors import may_read_on, to_queue_error, translated
from eventqueue.mongo.log import MAJORITY, RAW, VISIBLE_S, MongoLog
from eventqueue.mongo.patience import patient_until
from eventqueue.mongo.slices import PATIENCE_S, outlasting, slices

WINDOW = 20_000  # events
SLICE = 1000  # events that are sent at once
SLICE_BYTES = 2 * 1024 * 1024  # of a stream, that are held at once: who reads it may take his time
PLACES = 10_000  # of events, that are asked for at once
CROWD = 1000  # events of one `ts` that are put in order here: the log's own are one or two, those of a hand may be many
AWAIT_MS = 500  # for an event that comes: whoever follows hears a stop in between
PAUSE_S = 0.1
RECENT_S = 60  # so much of the log is read from one snapshot, which the server keeps for minutes

Stored = tuple[Read, bytes]
"""An event as it was read, and its bytes as the log has them."""

Order = tuple[Timestamp, str, int]


def place_of(one: Read | Mark) -> Order:
    """Return where an event stands in the order of the log."""
    return one.ts if isinstance(one.ts, Timestamp) else Timestamp(0, 0), one.stream, one.version


_Found = tuple[Timestamp, tuple[bytes, int], bytes, RawBSONDocument]
Item = TypeVar("Item")
Tell = Callable[[int], object]


@dataclass(frozen=True)
class _Form(Generic[Item]):
    """What is made of the events that are found: from which fields of theirs, and where it stands in the order.

    `at_once`: how many the server sends; 0: as many as it likes, which is 16 MB after the first hundred.
    """

    codec: CodecOptions[Any]
    fields: Mapping[str, Any] | None
    make: Callable[[Any], Item | None]
    ts: Callable[[Item], Timestamp | None]
    place: Callable[[Item], tuple[Any, ...]]
    at_once: int = 0


def _stored(document: RawBSONDocument) -> Stored:
    raw = bytes(document.raw)
    return read_one(raw), raw


_STORED = _Form(RAW, None, _stored, lambda one: one[0].ts, lambda one: place_of(one[0]), SLICE)
_MARKS: _Form[Mark] = _Form(LENIENT, FIELDS, mark_of, attrgetter("ts"), place_of)


def stamp_of(event: bytes) -> Timestamp:
    """Return the `ts` of a stored event, or of what `Timeline.stamps` has of one."""
    # Not from its end, where others may have put what looks like one; `stamps` has it behind `_id`.
    behind = 9 + int.from_bytes(event[9:13], "little")
    if event[4:9] == b"\x03_id\x00" and event[behind : behind + 4] == b"\x11ts\x00":
        inc, seconds = unpack_from("<II", event, behind + 4)
        return Timestamp(seconds, inc)
    found: Timestamp = bson.decode(event, LENIENT)["ts"]
    return found


def _raw(document: RawBSONDocument) -> bytes:
    return bytes(document.raw)


# Not decoded, since they are many.
_BYTES: _Form[bytes] = _Form(RAW, None, _raw, stamp_of, lambda one: place_in(one) or (b"", 0), SLICE)
_STAMPS: _Form[bytes] = replace(_BYTES, fields={"_id": 1, "ts": 1, "hash": 1}, at_once=0)


class Timeline:
    """Reads the log of one database in its order."""

    def __init__(self, database: Database[Any], log: MongoLog) -> None:
        self._database = database
        self._log = log
        self._events: Collection[Any] = database.get_collection("events", RAW, ReadPreference.PRIMARY, None, MAJORITY)

    def read(
        self,
        bounds: Mapping[str, Any],
        query: Mapping[str, Any],
        *,
        reverse: bool = False,
        tell: Tell = lambda _: None,
    ) -> Iterator[Read]:
        """Yield the events within `bounds`, as `moments.between` makes them, that fit `query`; `reverse`: last first.

        `tell` is given how many, about, were looked at since. Raises Unavailable.
        """
        return (one for one, _ in self._all(bounds, query, _STORED, reverse=reverse, tell=tell))

    def skim(self, bounds: Mapping[str, Any], query: Mapping[str, Any], *, reverse: bool = False) -> Iterator[Mark]:
        """As `read`, but the events' marks alone."""
        return self._all(bounds, query, _MARKS, reverse=reverse)

    def skim_windows(
        self, bounds: Mapping[str, Any], query: Mapping[str, Any], *, reverse: bool = False
    ) -> Iterator[Iterator[Mark]]:
        """As `skim`, but by windows, each to be gone through before the next: one in which nothing fits is empty."""
        with self._database.client.start_session(causal_consistency=True) as session:
            yield from self._windows(bounds, query, _MARKS, session, reverse=reverse)

    def read_raw(self, bounds: Mapping[str, Any]) -> Iterator[bytes]:
        """As `read`, but the events as they are stored."""
        return self._all(bounds, {}, _BYTES)

    def stamps(self, bounds: Mapping[str, Any]) -> Iterator[bytes]:
        """As `read`, but of each event only its `_id`, `ts` and `hash`, as the server returns these."""
        return self._all(bounds, {}, _STAMPS)

    def read_whole(self, bounds: Mapping[str, Any], query: Mapping[str, Any]) -> Iterator[Stored]:
        """As `read`, with the bytes, and all as of one moment: of no stream an event without those before it.

        While traffic flows an event may become visible a little after a later one of its stream was passed. So what is
        old enough for that to be over is read first, and the rest, once that is little, from one snapshot.
        """
        low = bounds["ts"]["$gte"]
        while True:
            settled = Timestamp(max(0, majority_time(self._database).time - VISIBLE_S), 0)
            if settled.time - low.time <= RECENT_S:
                break
            yield from self._all({**bounds, "ts": {**bounds["ts"], "$gte": low, "$lt": settled}}, query, _STORED)
            low = settled
        with self._database.client.start_session(snapshot=True) as session:
            rest = {**bounds, "ts": {**bounds["ts"], "$gte": low}}
            yield from chain.from_iterable(self._windows(rest, query, _STORED, session))

    def read_timeless(self) -> Iterator[Stored]:
        """Yield what stands in no order: events whose `ts` is no time of the log, as nothing of ours writes them."""
        least: Any = MinKey()
        first: Any = Timestamp(0, 0)
        last: Any = Timestamp(LAST_SECOND, LAST_SECOND)
        # By the index and its own order of types: a filter would look at each event there is.
        every = self._events.find(hint="ts")
        before = every.clone().min([("ts", least)]).max([("ts", first)])
        behind = every.clone().min([("ts", last)])  # which does not end with the greatest, but before it
        greatest = self._events.find({"ts": MaxKey()})
        with translated():
            for raw in (bytes(doc.raw) for doc in chain(before, behind, greatest)):
                yield read_one(raw), raw

    def edge(self, bounds: Mapping[str, Any], number: int) -> Timestamp | None:
        """Return the `ts` of the event that has `number` others behind it within `bounds`; None: there are not so many.

        By the index alone. Raises Unavailable.
        """
        return outlasting(lambda: self._behind(number, bounds["ts"], -1))

    def first(self) -> Mark | None:
        """Return the mark of the first event, None where there is none. Raises Unavailable."""
        events = self._events.with_options(LENIENT)
        found = outlasting(lambda: events.find_one({"ts": {"$gte": Timestamp(0, 0)}}, FIELDS, sort=[("ts", 1)]))
        return None if found is None else mark_of(found)

    def _all(
        self,
        bounds: Mapping[str, Any],
        query: Mapping[str, Any],
        form: _Form[Item],
        *,
        reverse: bool = False,
        tell: Tell = lambda _: None,
    ) -> Iterator[Item]:
        # Whoever is primary by then has to show at least what the windows before it were read from.
        with self._database.client.start_session(causal_consistency=True) as session:
            for window in self._windows(bounds, query, form, session, reverse=reverse):
                yield from window
                tell(WINDOW)

    def _windows(
        self,
        bounds: Mapping[str, Any],
        query: Mapping[str, Any],
        form: _Form[Item],
        session: ClientSession,
        *,
        reverse: bool = False,
    ) -> Iterator[Iterator[Item]]:
        """Yield what is found window by window: each is to be gone through before the next one is asked for."""
        way = _Way(dict(bounds["ts"]), reverse=reverse)
        also = {"$and": [{name: bounds[name] for name in bounds if name != "ts"}, query]}
        while not way.is_over:
            yield self._window(way, also, form, session)

    def _window(
        self, way: "_Way", also: Mapping[str, Any], form: _Form[Item], session: ClientSession
    ) -> Iterator[Item]:
        told: Timestamp | None = None  # up to here
        try:
            end = self._behind(WINDOW, way.left, way.direction, session)
            within = {"$and": [{"ts": way.up_to(end)}, also]}
            for some in self._groups(within, way.direction, form, session):
                ts = form.ts(some[0])
                if len(some) > CROWD:  # more than are held at once: in order of their places
                    yield from self._crowd({"$and": [within, {"ts": ts}]}, form, session, reverse=way.reverse)
                    end = ts  # what lies behind is found in the next window
                    break
                yield from some if len(some) == 1 else sorted(some, key=form.place, reverse=way.reverse)
                told = ts
        except PyMongoError as error:
            way.go_on(told, error)
        else:
            way.go_on(end, None)

    def _behind(
        self, number: int, left: Mapping[str, Any], direction: int, session: ClientSession | None = None
    ) -> Timestamp | None:
        """Return the `ts` of the event behind so many of those that are left, None where there are not so many."""
        only, order = {"_id": 0, "ts": 1}, [("ts", direction)]
        found = list(self._events.find({"ts": left}, only, sort=order, skip=number, limit=1, session=session))
        return found[0]["ts"] if found else None

    def _groups(
        self, query: Mapping[str, Any], direction: int, form: _Form[Item], session: ClientSession
    ) -> Iterator[list[Item]]:
        """Yield what is made of the events that `query` finds, in order of `ts`, that of the same one together.

        Of a `ts` that more than CROWD events have, that of the first of these, and nothing behind it.
        """
        events, order = self._events.with_options(form.codec), [("ts", direction)]
        with events.find(query, form.fields, sort=order, batch_size=form.at_once, session=session) as found:
            made = (one for one in map(form.make, found) if one is not None)
            for _, some in groupby(made, key=form.ts):
                yield (group := list(islice(some, CROWD + 1)))
                if len(group) > CROWD:
                    return

    def _crowd(
        self, query: Mapping[str, Any], form: _Form[Item], session: ClientSession, *, reverse: bool
    ) -> Iterator[Item]:
        for batch in slices(self._events, query, PATIENCE_S, session, fields=form.fields, reverse=reverse):
            for raw in split(batch):
                if (one := form.make(bson.decode(raw, form.codec))) is not None:
                    yield one

    def of_streams(self, streams: Iterable[str], *, reverse: bool = False) -> Iterator[Read]:
        """Yield the events of these streams alone, in the order of the log."""
        return merge(*(self._of(stream, reverse=reverse) for stream in streams), key=place_of, reverse=reverse)

    def _of(self, stream: str, *, reverse: bool) -> Iterator[Read]:
        edge = None
        while found := outlasting(partial(self._part, stream, edge, reverse=reverse)):
            yield from map(read_one, found)
            edge = found[-1]

    def _part(self, stream: str, edge: bytes | None, *, reverse: bool) -> list[bytes]:
        return self._log.read_part(stream, edge, SLICE, reverse=reverse, enough=SLICE_BYTES)

    def of_categories(
        self, names: Iterable[str], bounds: Mapping[str, Any], query: Mapping[str, Any], *, reverse: bool = False
    ) -> Iterator[Read]:
        """As `read`, of some categories alone: all of these are looked at, and nothing else.

        Where those that fit stand is kept in memory.
        """
        places = chain.from_iterable(self._places(name, {"$and": [bounds, query]}) for name in names)
        ordered = iter(sorted(places, reverse=reverse))
        while some := [key for *_, key in islice(ordered, SLICE)]:  # of one `ts` by their places, as everywhere
            found = outlasting(lambda: [read_one(bytes(one.raw)) for one in self._events.find({"_id": {"$in": some}})])
            yield from sorted(found, key=place_of, reverse=reverse)

    def _places(self, category: str, query: Mapping[str, Any]) -> Iterator[_Found]:
        within: dict[str, Any] = {"$gte": {"stream": f"{category}-"}, "$lt": {"stream": f"{category}."}}
        while found := outlasting(partial(self._stamps_in, {"$and": [{"_id": within}, query]})):
            yield from ((one["ts"], place_in(one.raw) or (b"", 0), one["_id"].raw, one["_id"]) for one in found)
            within = {**within, "$gt": found[-1]["_id"]}

    def _stamps_in(self, query: Mapping[str, Any]) -> list[Any]:
        return list(self._events.find(query, {"_id": 1, "ts": 1}, sort=[("_id", 1)], limit=PLACES))

    def follow(self) -> "Following":
        """Return what is appended from now on."""
        return Following(self._events, majority_time(self._database))


class _Way:
    """What is left of a way through the log. `direction`: as an index has it."""

    def __init__(self, left: Mapping[str, Any], *, reverse: bool) -> None:
        self.left = left
        self.reverse = reverse
        self.direction = -1 if reverse else 1
        self.is_over = False
        self._behind, self._ahead = ("$lte", "$lt") if reverse else ("$gte", "$gt")
        self._give_up = patient_until(PATIENCE_S)

    def up_to(self, end: Timestamp | None) -> Mapping[str, Any]:
        """Return the bounds of what is left up to `end`; None: of all."""
        return self.left if end is None else {**self.left, ("$gte" if self.reverse else "$lte"): end}

    def go_on(self, told: Timestamp | None, error: PyMongoError | None) -> None:
        """Go on behind what was told, None: all there is, or nothing at all before `error` came.

        Raises what that is, where it lasts.
        """
        now = time.monotonic()
        if error is not None and (not may_read_on(error) or (told is None and now > self._give_up)):
            raise to_queue_error(error) from error
        self.is_over = told is None and error is None
        if told is not None:
            self.left = {**_without(self.left, self._behind), self._ahead: told}
        if error is None or told is not None:
            self._give_up = patient_until(PATIENCE_S)
        if error is not None:
            time.sleep(PAUSE_S)


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
        # By itself it would begin behind the last operation there is, which a majority need not have yet: what lies
        # between would be in the past for this, and yet to come for who reads the past.
        begin = self.since if token is None else None
        return self._events.watch(
            inserts, max_await_time_ms=AWAIT_MS, resume_after=token, start_at_operation_time=begin
        )

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
