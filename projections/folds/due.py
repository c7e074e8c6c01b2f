"""What is due: the shared entries by which workers find jobs; how they are named, ordered, left and told of. Pure.

Each is a small document beside the `jobs` view and not an index on it: once an update touches one indexed path, the
server computes the keys of every index of the collection. So `jobs` has none that a transition moves.

Jobs that become ready together share an entry: to insert and to delete one for each job cost the server more than
all else that a job's life writes.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace

from eventqueue.model.codec import EPOCH, bucket_of
from eventqueue.model.job import Job
from eventqueue.ports.finder import JobAt, Ready

JOBS_MAX = 64  # in one entry, which is written anew whenever one of them leaves
# Between the first and the last job of an entry: who looks for the next job has that much of other entries to merge.
SPREAD = timedelta(milliseconds=100)

Entry = dict[str, Any]
Member = str
"""What stands for a job in its entry: its place in the order of claims among those of its priority, `~`, its id."""

READY, WAITING, HELD = True, False, "held"
"""What an entry is: to be claimed; not due yet; due, and of a queue that is paused."""

EMPTY: Mapping[str, Any] = {"jobs": []}
"""What is asked for to find entries of no job: they are deleted."""

_MILLISECOND = timedelta(milliseconds=1)
_NTH_MAX = 2**24 - 1


def member(job: Job) -> Member:
    """Return what stands for a job that waits to be claimed: as texts in order, so the jobs."""
    assert job.due_at is not None
    return f"{(job.due_at - EPOCH) // _MILLISECOND:012x}{min(job.nth, _NTH_MAX):06x}~{job.id}"


def id_of(one: Member) -> str:
    """Return the id of the job that it stands for."""
    return one.rpartition("~")[2]


def due_entries(jobs: Iterable[tuple[Job, int]], now: datetime, paused: Collection[str] = ()) -> list[Entry]:
    """Return what workers find these jobs by, `ready` if they may be claimed at `now`: each job in one entry.

    `paused`: the queues of which nothing may.

    Each job with how many late results it has: that and its version name the entry of which it is the first. Jobs of
    one queue, bucket and priority that are due share some; one that is not due yet has its own.
    """
    waiting: list[Entry] = []
    ready: dict[tuple[str, int, int], list[tuple[Job, int]]] = defaultdict(list)
    for job, late in jobs:
        assert job.due_at is not None
        if job.due_at <= now:
            ready[job.queue, bucket_of(job.stream), job.priority].append((job, late))
        else:
            waiting.append(_due_entry(bucket_of(job.stream), [(job, late)], WAITING))
    return waiting + [
        _due_entry(bucket, together, HELD if queue in paused else READY)
        for (queue, bucket, _), alike in ready.items()
        for together in _together(alike)
    ]


def _due_entry(bucket: int, jobs: Sequence[tuple[Job, int]], ready: bool | str) -> Entry:
    first, late = jobs[0]
    return {
        # No other entry ever has or had this name: `+` stands in no id, and a job comes into another entry only with
        # another event, of its own or, where a late result had parked it, of those. It begins with the first job's
        # place, so that an index that ends with the names goes on in the order of claims where times are the same.
        "_id": f"{member(first)}+{first.version}.{late}",
        "queue": first.queue,
        "bucket": bucket,
        "priority": first.priority,
        "due_at": first.due_at,
        "ready": ready,
        "jobs": [member(job) for job, _ in jobs],
    }


def leaving(members: Sequence[Member]) -> dict[str, Any]:
    """Return the update by which jobs leave the entry that they are in; who leaves last leaves one that is EMPTY."""
    return {"$pull": {"jobs": {"$in": members}}}


def first_of(entry: Entry) -> tuple[str, int]:
    """Return the first job of an entry, and its version when it came there."""
    first, _, numbers = entry["_id"].rpartition("+")
    return id_of(first), int(numbers.partition(".")[0])


def ids_in(entry: Mapping[str, Any]) -> list[str]:
    """Return the ids of the jobs that an entry names."""
    return [id_of(one) for one in entry["jobs"]]


def _together(jobs: Iterable[tuple[Job, int]]) -> Iterator[list[tuple[Job, int]]]:
    """Cut jobs into runs, in the order of claims, that may each share an entry."""
    run: list[tuple[Job, int]] = []
    until = EPOCH
    for job, late in sorted(jobs, key=lambda one: member(one[0])):
        assert job.due_at is not None
        if job.due_at > until or len(run) == JOBS_MAX:
            if run:
                yield run
            run, until = [], job.due_at + SPREAD
        run.append((job, late))
    if run:
        yield run


Claimable = tuple[str, int, datetime, JobAt]
"""Where a job stands in the order of claims: queue, priority, due time; and which it is."""

TOLD_MAX = 32  # jobs that a signal names: of more there is something for everybody


def claimable(jobs: Iterable[Job], now: datetime) -> list[Claimable]:
    """Return where those of the jobs stand that may be claimed at `now`."""
    return [
        (job.queue, job.priority, job.due_at, (job.id, job.version))
        for job in jobs
        if job.due_at is not None and job.due_at <= now
    ]


def at_head(entry: Entry) -> Claimable:
    """Return where an entry stands. Raises TypeError, or a LookupError, for one that a projector has not written."""
    if not isinstance(entry["due_at"], datetime) or not isinstance(entry["priority"], int):
        raise TypeError("no entry")
    # Who is not ready yet has an entry of his own.
    return entry["queue"], entry["priority"], entry["due_at"], first_of(entry)


def told(places: Collection[Claimable], *, is_named: bool = True) -> tuple[Ready, ...]:
    """Return, a queue each, what became ready there; which jobs, if `is_named` and they are few."""
    found: dict[str, Ready] = {}
    for queue, priority, due_at, _ in places:
        seen = found.get(queue)
        if seen is None or priority > seen.priority or due_at < seen.due_at:
            seen = seen or Ready(queue, priority, due_at)
            found[queue] = Ready(queue, max(seen.priority, priority), min(seen.due_at, due_at))
    if len(found) > TOLD_MAX:
        return (Ready(None, max(one.priority for one in found.values()), min(one.due_at for one in found.values())),)
    if len(places) > TOLD_MAX or not is_named:
        return tuple(found.values())
    jobs: dict[str, list[JobAt]] = defaultdict(list)
    for queue, _, _, job in places:
        jobs[queue].append(job)
    return tuple(replace(one, jobs=tuple(sorted(jobs[queue]))) for queue, one in found.items())
