"""What happened in a window: from the counters, and where it ended amid what is counted together, from the log besides.

Counters of a minute, an hour or a day say nothing of a part of it. What happened from its beginning to the window's end
is folded anew, if it is little; else the window ends where that begins.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any

import bson
from bson.max_key import MaxKey
from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from eventqueue.errors import LogCorrupt
from eventqueue.model.codec import EPOCH, decode
from eventqueue.model.events import Recorded, category_of, name_in, stream_of
from eventqueue.model.job import Job, evolve
from eventqueue.model.moments import AHEAD, SECOND
from eventqueue.model.portions import runs
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.past import Past
from eventqueue.mongo.slices import slices
from eventqueue.ports.views import Rate, Stats
from projections.folds.projection import Key
from projections.folds.rates import COUNTED, Amounts, Part, length_of, rates
from projections.folds.report import LENGTHS, Counts, report
from projections.folds.stats import MINUTE_S
from projections.folds.stats import Stats as StatsView
from projections.folds.writes import counter_id

PART_MAX = 10_000  # events that are folded anew
AT_ONCE = 200  # streams
KEYS_MAX = 5000  # counters of one queue that are asked for


def latest(counters: Collection[Any], window: timedelta, now: datetime, oldest: Mapping[str, datetime]) -> Stats:
    """Return what happened in the last `window`; `oldest`: by queue, since when a job is due."""
    since = _since(window, now)
    with _snapshot(counters) as session:
        return report(_counted(counters, since, now + AHEAD, session), since, now, _first(counters, session), oldest)


def earlier(ground: Ground, counters: Collection[Any], window: timedelta, until: datetime) -> Stats:
    """Return what happened in a `window` that ended at `until`, or where what is counted together around it begins."""
    with _snapshot(counters) as session:
        edge = _edge_before(counters, until, session)
        part = _part(Past(ground.database, ground.log, until), max(edge, _minute(_since(window, until))))
        end = edge if part is None else until
        since = _since(window, end)
        found = chain(_counted(counters, since, edge, session), part or ())
        return report(found, since, end, _first(counters, session), {})


def course(
    counters: Collection[Any], window: timedelta, end: datetime, queue: str | None, *, is_past: bool
) -> Sequence[Rate]:
    """Return what happened in each part of a window: of one queue, or of all, whose counters the server adds up.

    `is_past`: it ends where what is counted together around `end` begins.
    """
    length = length_of(window)
    since = EPOCH + int(_since(window, end).timestamp()) // length * length * SECOND
    with _snapshot(counters) as session, translated():
        until = _edge_before(counters, end, session) if is_past else end
        reach = until if is_past else until + AHEAD  # what was stamped by a clock that is ahead has happened, too
        found = [one for kind in LENGTHS for one in _course(counters, kind, (since, reach), queue, session)]
    return list(rates(found, since, until, length))


def _course(
    counters: Collection[Any],
    kind: str,
    bounds: tuple[datetime, datetime],
    queue: str | None,
    session: ClientSession,
) -> Iterator[tuple[Part, Amounts]]:
    length, (since, until) = LENGTHS[kind], bounds
    # A part that begins in the very second of the end is one of the window's.
    begin, end = int(since.timestamp()) // length * length, math.ceil(until.timestamp())
    if queue is None:
        asked: dict[str, Any] = _keys(kind, begin, end)
    else:  # of minutes and hours so many are not kept
        starts = range(max(begin, end // length * length - KEYS_MAX * length), end, length)
        asked = {"$in": [counter_id((kind, start, queue)) for start in starts]}
    sums = {name: {"$sum": f"$n.{stored}"} for name, stored in COUNTED.items()}
    group = {"$group": {"_id": {"$arrayElemAt": ["$_id.key", 1]}, **sums}}
    for one in counters.aggregate([{"$match": {"_id": asked}}, group], session=session):
        yield (int(one.pop("_id")), length), one


def _minute(at: datetime) -> datetime:
    return EPOCH + int(at.timestamp()) // MINUTE_S * MINUTE_S * SECOND


def _since(window: timedelta, end: datetime) -> datetime:
    return max(end - window, EPOCH) if window < end - EPOCH else EPOCH


def _snapshot(counters: Collection[Any]) -> ClientSession:
    # In one snapshot: else what is merged into a day meanwhile would come twice.
    return counters.database.client.start_session(snapshot=True)


def _first(counters: Collection[Any], session: ClientSession) -> Key | None:
    first: Key | None = None
    for kind in LENGTHS:  # the finest first: what is coarser is older
        with translated():
            oldest = counters.find_one({"_id": _keys(kind, 0)}, {"_id": 1}, sort=[("_id", 1)], session=session)
        first = tuple(oldest["_id"]["key"]) if oldest else first
    return first


def _counted(
    counters: Collection[Any], since: datetime, until: datetime, session: ClientSession
) -> Iterator[tuple[Key, Counts]]:
    """Yield the counters of all minutes, hours and days that reach beyond `since`, and begin before `until`."""
    end = math.ceil(until.timestamp())
    for kind, length in LENGTHS.items():
        begin = int(since.timestamp()) // length * length
        for stored in slices(counters, {"_id": _keys(kind, begin, end)}, session=session):
            for one in bson.decode_all(stored):
                yield tuple(one["_id"]["key"]), one["n"]


def _keys(kind: str, start: int, end: int | None = None) -> dict[str, Any]:
    return {"$gte": {"key": [kind, start]}, "$lt": {"key": [kind, MaxKey() if end is None else end]}}


# The part at the end


def _edge_before(counters: Collection[Any], moment: datetime, session: ClientSession) -> datetime:
    """Return the beginning of what is counted together around a time: of the longest that there is."""
    unix = int(moment.timestamp())
    for kind, length in reversed(LENGTHS.items()):
        start = unix // length * length
        with translated():
            if counters.find_one(
                {"_id": {**_keys(kind, start), "$lt": {"key": [kind, start, MaxKey()]}}}, session=session
            ):
                break
    return EPOCH + start * SECOND


def _part(past: Past, begin: datetime) -> list[tuple[Key, Counts]] | None:
    """Return what is to be counted of the events by then whose own times are from `begin` on; None for very many."""
    marks = list(islice(past.since(begin - AHEAD, {}), PART_MAX + 1))
    if len(marks) > PART_MAX:
        return None
    ids = sorted({name_in(one.stream) for one in marks if category_of(one.stream) in ("job", "late")})
    return [
        (key, counts)
        for some in runs(ids, AT_ONCE)
        for before, after, event in _steps(past, some)
        if begin <= event.at <= past.moment
        for key, counts in StatsView().tally(before, after, event).items()
        if key[0] in LENGTHS
    ]


def _steps(past: Past, ids: Iterable[str]) -> Iterator[tuple[Job | None, Job, Recorded]]:
    """Yield the events that these jobs had by then, each with the job before and after it, as views count them."""
    found = past.histories([stream_of(category, one) for category in ("job", "late") for one in ids])
    for job_id in ids:
        before: Job | None = None
        for event in _readable(found.get(stream_of("job", job_id), ())):
            after = evolve(before, event)
            yield before, after, event
            before = after
        if before is not None:
            yield from ((before, before, event) for event in _readable(found.get(stream_of("late", job_id), ())))


def _readable(history: Iterable[bytes]) -> Iterator[Recorded]:
    try:
        yield from map(decode, history)
    except LogCorrupt:  # there the view of the job stands still
        return
