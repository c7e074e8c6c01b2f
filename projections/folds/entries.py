"""The other entries by which jobs are found: who holds what, and what failed, died or was cancelled. Pure."""

from eventqueue.model.job import Job, State
from projections.folds.due import Entry

LISTED = (State.FAILED, State.DEAD, State.CANCELLED)


def holder_of(job: Job | None) -> str | None:
    """Return the incarnation that holds the job's claim."""
    return None if job is None else job.worker


def failure_entry(job: Job | None) -> Entry | None:
    """Return what a failed, dead or cancelled job is listed by; others are too many for an entry each, or have another.

    `is_unburied`: its `dead-lettered` is still to be written.
    """
    if job is None or job.state not in LISTED:
        return None
    entry: Entry = {"_id": job.id, "state": job.state.value, "queue": job.queue, "at": job.updated_at}
    if job.state is State.FAILED and job.due_at is None:
        entry["is_unburied"] = True
    return entry
