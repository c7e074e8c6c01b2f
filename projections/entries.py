"""The entries by which jobs are found: what is due, who holds what, what failed. Pure.

Each is a small document beside the `jobs` view and not an index on it: once an update touches one indexed path, the
server computes the keys of every index of the collection. So `jobs` has none that a transition moves.
"""

from datetime import datetime
from typing import Any

from eventqueue.codec import bucket_of
from eventqueue.job import Job, State

Entry = dict[str, Any]


def due_entry(job: Job | None, now: datetime) -> Entry | None:
    """Return what a worker finds the job by, `ready` if it may claim it at `now`; None where there is nothing to claim.

    Whatever differs between two entries of a job shows in its fields `due_at` or `ready`.
    """
    if job is None or job.due_at is None:
        return None
    return {
        "_id": job.id,
        "queue": job.queue,
        "bucket": bucket_of(job.stream),
        "priority": job.priority,
        "due_at": job.due_at,
        "ready": job.due_at <= now,
    }


def holder_of(job: Job | None) -> str | None:
    """Return the incarnation that holds the job's claim."""
    return None if job is None else job.worker


def failure_entry(job: Job | None) -> Entry | None:
    """Return what a failed or dead job is listed by; `is_unburied`: its `dead-lettered` is still to be written."""
    if job is None or job.state not in (State.FAILED, State.DEAD):
        return None
    entry: Entry = {"_id": job.id, "state": job.state.value, "at": job.updated_at}
    if job.state is State.FAILED and job.due_at is None:
        entry["is_unburied"] = True
    return entry
