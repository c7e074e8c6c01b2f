"""What a worker ran: its claims as the log tells of them by a moment, the last first, and how each attempt ended.

No index leads from a worker to its claims: they are looked for within its life, so many events at a time, however long
that is and however few of these are its own.
"""

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from typing import Any, NamedTuple

from bson.timestamp import Timestamp

from eventqueue.errors import InvalidInput, LogCorrupt
from eventqueue.model import lives
from eventqueue.model.events import Claimed, Completed, Failed, Recorded, category_of, name_in, stream_of, type_of
from eventqueue.model.job import Job, fold
from eventqueue.model.moments import between, moment_of
from eventqueue.model.readable import Read
from eventqueue.mongo.past import Past, Place
from eventqueue.mongo.timeline import place_of
from eventqueue.ports.views import WorkerRun, WorkerRuns

LOOK, LOOKS = 10_000, 5  # events that are looked at together, and how often, at most
LOOKED_S = 2.0  # and no more often once it has taken so long: whoever shows it has more to show
SLACK = timedelta(minutes=1)  # after it was taken for dead, in which a claim of its own may have come yet
_BEFORE = re.compile(r"([0-9]{1,10})\.([0-9]{1,10})(?:\.(.+)@([0-9]{1,16}))?", re.DOTALL)


class _Before(NamedTuple):
    """In the order of the log what an older slice lies before: an event of a job, or all of one `ts`."""

    ts: Timestamp
    stream: str = ""
    version: int = 0


def ran(past: Past, worker: str, limit: int, before: str | None = None) -> WorkerRuns:
    """Return the last `limit` attempts that a worker had begun by then; `before`: as `older` of those behind them.

    Raises InvalidInput for a `before` that is none, Unavailable.
    """
    edge = None if before is None else _parsed(before)
    left = _life(past, worker, edge)
    found: list[Read] = []
    looks, end = 0, time.monotonic() + LOOKED_S
    while looks < LOOKS and (looks == 0 or time.monotonic() < end):
        looks += 1
        begin = past.edge(left, LOOK)
        some = past.claims(worker, left if begin is None else _within(left, {"$gte": begin}))
        theirs = (one for one in some if _is_of_job(one) and (edge is None or place_of(one) < edge))
        found += islice(theirs, limit + 1 - len(found))
        if len(found) > limit:
            return WorkerRuns(_runs(past, found[:limit]), _told(found[limit - 1]))
        if begin is None:
            return WorkerRuns(_runs(past, found), None)
        left = _within(left, {"$lt": begin})
    begin = left["ts"]["$lt"]
    return WorkerRuns(_runs(past, found), f"{begin.time}.{begin.inc}", LOOK * looks)


def _is_of_job(claim: Read) -> bool:
    """Whether it stands where claims do, and not where a hand alone may have put it."""
    return claim.version > 0 and category_of(claim.stream) == "job"


def _life(past: Past, worker: str, edge: _Before | None) -> Mapping[str, Any]:
    """Return the bounds of a worker's life, as far as the log tells of it, before an edge."""
    first, last = past.ends_of(stream_of(lives.CATEGORY, worker), lives.ENDS)
    end = None if last is None else moment_of(last)
    until = past.moment if end is None else min(past.moment, end + SLACK)
    bounds = between(None if first is None else moment_of(first), until)
    return bounds if edge is None or edge.ts >= bounds["ts"]["$lte"] else _within(bounds, {"$lte": edge.ts})


def _within(bounds: Mapping[str, Any], some: Mapping[str, Timestamp]) -> Mapping[str, Any]:
    """Return bounds with another one on the same side as that of `some`."""
    sides = {"$lt": "$lte", "$lte": "$lt", "$gte": "$gt"}
    (name,) = some
    kept = {one: ts for one, ts in bounds["ts"].items() if one not in (name, sides[name])}
    return {**bounds, "ts": {**kept, **some}}


def _told(last: Read) -> str:
    ts = place_of(last)[0]
    return f"{ts.time}.{ts.inc}.{name_in(last.stream)}@{last.version}"


def _parsed(before: str) -> _Before:
    found = _BEFORE.fullmatch(before)
    if found is None or max(int(found[1]), int(found[2])) >= 2**32:
        raise InvalidInput("before", "is no place in the log: give what `older` of the runs behind it says")
    ts = Timestamp(int(found[1]), int(found[2]))
    return _Before(ts) if found[3] is None else _Before(ts, stream_of("job", found[3]), int(found[4]))


def _runs(past: Past, claims: Sequence[Read]) -> Sequence[WorkerRun]:
    ends = past.events_at([_end_of(one) for one in claims])
    terms = past.placings_before({one.stream: one.version for one in reversed(claims)})  # before the last of each
    return [_run(one, ends.get(_end_of(one)), _job(one, terms.get(one.stream, ()))) for one in claims]


def _end_of(claim: Read) -> Place:
    """Return where the event stands that ends an attempt: right behind its claim, which is what a claim is for."""
    return claim.stream, claim.version + 1


def _job(claim: Read, terms: Sequence[Read]) -> Job | None:
    """Return the job on the terms that it was claimed on, None where they cannot be read."""
    before = [one for one in terms if one.version < claim.version]
    if not all(isinstance(one, Recorded) for one in before):
        return None
    with suppress(LogCorrupt):
        return fold(one for one in before if isinstance(one, Recorded))
    return None


def _run(claim: Read, end: Read | None, job: Job | None) -> WorkerRun:
    claimed = claim.event if isinstance(claim, Recorded) and isinstance(claim.event, Claimed) else None
    ended = end.event if isinstance(end, Recorded) else None
    return WorkerRun(
        job=name_in(claim.stream),
        claim=claim.version,
        attempt=None if claimed is None else claimed.attempt,
        queue=None if job is None else job.queue,
        run=None if job is None else job.run,
        began_at=claim.at if isinstance(claim, Recorded) else moment_of(claim),
        ending=None if end is None else "unreadable" if ended is None else type_of(ended),
        ended_at=end.at if isinstance(end, Recorded) else None,
        exit_code=ended.exit_code if isinstance(ended, Completed | Failed) else None,
        error=ended.error.told if isinstance(ended, Failed) else None,
    )
