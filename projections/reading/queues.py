"""How queues stand: since when their jobs are due, how many are before one, when anything was last claimed.

Each question looks at little, however many jobs and queues there are: what is counted is counted up to a number.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

from eventqueue.model.codec import BUCKETS
from eventqueue.model.job import Job, State
from eventqueue.mongo.errors import translated
from eventqueue.ports.views import Ahead
from projections.folds.due import READY, ids_in, member
from projections.folds.projection import Key
from projections.folds.report import LENGTHS
from projections.folds.stats import HOURS_KEPT, MINUTES_KEPT
from projections.folds.writes import counter_id
from projections.keeping.generation import IS_READY, IS_WAITING, Generation

DAYS_ASKED = timedelta(days=90)
# Of each kind of counter, how far back there may be one: what is older was merged, what is younger may be yet.
REACH = {"minute": MINUTES_KEPT + timedelta(hours=2), "hour": HOURS_KEPT + timedelta(days=2), "day": DAYS_ASKED}
MOVES = ("claimed", "completed", "failed")
JOBS_ASKED = 1000  # that are asked for at once
COUNTERS_MAX = 1000  # that are asked for at once


def due_since(live: Generation, now: datetime) -> Mapping[str, datetime]:
    """See Views.due_since."""
    # One question, for which a key is read for each queue where jobs wait.
    first = {"$group": {"_id": "$queue", "due_at": {"$first": "$due_at"}}}
    with translated():
        found = live.due.aggregate([{"$sort": {"queue": 1, "due_at": 1}}, first])
        return {one["_id"]: one["due_at"] for one in found if one["due_at"] <= now}


def count_due(live: Generation, now: datetime, most: int) -> int:
    """See Views.count_due."""
    # By their hints: by itself the server may go through all entries for those that are ready.
    ready = _count(live, IS_READY, most, hint="ready anywhere")
    if ready >= most:
        return most
    overdue = {**IS_WAITING, "due_at": {"$lte": now}}  # nobody has marked them as ready yet
    return min(most, ready + _count(live, overdue, most, hint="waiting"))


def count_later(live: Generation, now: datetime, most: int) -> Mapping[str, int]:
    """See Views.count_later."""
    pipeline: list[Mapping[str, Any]] = [
        {"$match": _later(now)},
        {"$limit": most},
        {"$group": {"_id": "$queue", "jobs": {"$sum": 1}}},
    ]
    with translated():
        return {one["_id"]: one["jobs"] for one in live.due.aggregate(pipeline, hint="waiting")}


def scheduled(live: Generation, now: datetime, most: int) -> Mapping[str, int] | None:
    """See Views.scheduled."""
    found = Counter(count_later(live, now, most + 1))
    if found.total() > most:
        return None
    with translated():
        return found - _retries(live, now, found.total())


def _retries(live: Generation, now: datetime, later: int) -> Counter[str]:
    """Return how many of the jobs of each queue that wait for their time, `later` in all, wait for a retry.

    They have the same kind of entry as what is scheduled. Whichever are fewer are looked at: these, or all that failed.
    """
    failed = [one["_id"] for one in live.failures.find({"state": State.FAILED.value}, {"_id": 1}, limit=later + 1)]
    if len(failed) > later:
        waiting = live.due.find(_later(now), {"jobs": 1}, limit=later + 1, hint="waiting")
        failed = [one for entry in waiting for one in ids_in(entry)]
    found: Counter[str] = Counter()
    for start in range(0, len(failed), JOBS_ASKED):
        these = {"_id": {"$in": failed[start : start + JOBS_ASKED]}, "state": State.FAILED.value}
        found.update(one["queue"] for one in live.jobs.find({**these, "due_at": {"$gt": now}}, {"queue": 1}))
    return found


def _later(now: datetime) -> Mapping[str, Any]:
    return {**IS_WAITING, "due_at": {"$gt": now}}  # who waits for his time has an entry of his own


def ahead(live: Generation, job: Job, most: int, *, is_everywhere: bool) -> Ahead:
    """See Views.ahead."""
    # All buckets are named, so that the index in claim order serves.
    of = {"ready": READY, "bucket": {"$in": [*range(BUCKETS)]}, **({} if is_everywhere else {"queue": job.queue})}
    by_priority = _count(live, {**of, "priority": {"$gt": job.priority}}, most + 1)
    # An entry holds several jobs: of the one that this job is in, some are before it and some are not.
    older = {"$filter": {"input": "$jobs", "cond": {"$lt": ["$$this", member(job)]}}}
    alike = {**of, "priority": job.priority, "due_at": {"$lte": job.due_at}}
    by_age = 0 if by_priority > most else _count(live, alike, most + 1, older)
    return Ahead(
        by_priority=min(by_priority, most),
        by_age=min(by_age, max(0, most - by_priority)),
        is_all=by_priority + by_age <= most,
        is_everywhere=is_everywhere,
    )


def _count(live: Generation, query: Mapping[str, Any], most: int, jobs: Any = "$jobs", **options: Any) -> int:
    """Return how many jobs the entries name that a query finds: `most` entries are looked at, each of one at least."""
    named = {"$cond": [{"$isArray": "$jobs"}, {"$size": jobs}, 0]}  # not what somebody has made of one
    pipeline: list[Mapping[str, Any]] = [
        {"$match": query},
        {"$limit": most},
        {"$group": {"_id": None, "jobs": {"$sum": named}}},
    ]
    with translated():
        return sum(one["jobs"] for one in live.due.aggregate(pipeline, **options))


def last_claimed(live: Generation, queue: str, now: datetime) -> datetime | None:
    """See Views.last_claimed."""
    unix = int(now.timestamp())
    keys: list[Key] = [
        (kind, start, queue)
        for kind, length in LENGTHS.items()
        for start in range((unix - int(REACH[kind].total_seconds())) // length * length, unix + 1, length)
    ]
    ends = [int(start) + LENGTHS[str(kind)] for kind, start, _ in _those_with(live, keys, ("claimed",))]
    return min(now, datetime.fromtimestamp(max(ends), UTC)) if ends else None


def moving(live: Generation, queues: Collection[str], now: datetime) -> Collection[str]:
    """See Views.moving."""
    length = LENGTHS["minute"]
    minute = int(now.timestamp()) // length * length
    keys: list[Key] = [("minute", start, queue) for queue in queues for start in (minute - length, minute)]
    return {str(queue) for _, _, queue in _those_with(live, keys, MOVES)}


def _those_with(live: Generation, keys: Sequence[Key], names: Sequence[str]) -> Sequence[Key]:
    """Return those of the counters that have something under one of these names."""
    counters, parts = live.tally("stats"), range(0, len(keys), COUNTERS_MAX)
    asked = ({"_id": {"$in": [counter_id(key) for key in keys[start : start + COUNTERS_MAX]]}} for start in parts)
    with translated():
        found = chain.from_iterable(counters.find(query, {f"n.{name}": 1 for name in names}) for query in asked)
        return [tuple(one["_id"]["key"]) for one in found if any(one.get("n", {}).values())]
