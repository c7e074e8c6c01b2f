"""How a job stands, as people are told it in a list: its state, since when, and what failed last. Pure."""

from datetime import datetime

from eventqueue.model.job import Job, State

TROUBLED = (State.FAILED, State.DEAD)
SCHEDULED = "scheduled"  # pending, and due later


def state_of(job: Job, now: datetime) -> str:
    """Return a job's state as people are told it: what is pending and due later is scheduled."""
    is_scheduled = job.state is State.PENDING and job.due_at is not None and job.due_at > now
    return SCHEDULED if is_scheduled else job.state.value


def since(job: Job, now: datetime) -> datetime:
    """Return since when a job is in its state, as far as it shows that; one that is due: since when it is."""
    is_due = job.state is State.PENDING and job.due_at is not None and job.due_at <= now
    return job.due_at if is_due and job.due_at is not None else job.updated_at


def error_of(job: Job) -> str | None:
    """Return a job's last error as it is told, None of one that is past it."""
    return job.last_error.told if job.last_error is not None and job.state in TROUBLED else None
