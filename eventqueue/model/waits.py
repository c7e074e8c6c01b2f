"""Why a job that may be claimed is not running: data that lists, pages and a job's own story say alike. Pure."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from enum import StrEnum

import msgspec

from eventqueue.model.events import Call
from eventqueue.model.job import Job
from eventqueue.model.pause import Pause


class Kind(StrEnum):
    """What a job waits for."""

    PARKED = "parked"  # that its view goes on, in which workers look for it
    EXPIRED = "expired"  # nothing any more: whoever claims it cancels it
    LATER = "later"  # its time, or its retry's
    PAUSED = "paused"  # that its queue is resumed
    UNSERVED = "unserved"  # a worker that serves its queue
    UNKNOWN = "unknown"  # one that knows its task
    DUE = "due"  # a free slot of one


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """What a job waits for; `until` a time, if that is known; of a paused queue since when, by whom, and why."""

    kind: Kind
    until: datetime | None = None
    since: datetime | None = None
    by: str | None = None
    why: str | None = None


def wait_of(
    job: Job,
    now: datetime,
    paused: Mapping[str, Pause],
    served: Collection[str] | None,
    parked: Mapping[str, str],
    *,
    tasks: Collection[str] | None = None,
) -> Wait | None:
    """Return what a job waits for, None if it does not wait to be claimed.

    `served`: the queues that live workers serve; None where one of them serves all. `parked`: jobs, each with why.
    `tasks`: those that the live workers know that serve its queue; None where nobody can tell.
    """
    return next(waits_of(job, now, paused, served, parked, tasks=tasks), None)


def waits_of(
    job: Job,
    now: datetime,
    paused: Mapping[str, Pause],
    served: Collection[str] | None,
    parked: Mapping[str, str],
    *,
    tasks: Collection[str] | None = None,
) -> Iterator[Wait]:
    """Yield all that a job waits for, as `wait_of`, in the order in which it must happen."""
    if job.due_at is None:
        return
    pause, is_due = paused.get(job.queue), job.due_at <= now
    is_served = served is None or job.queue in served
    is_known = tasks is None or not isinstance(job.run, Call) or job.run.task in tasks
    if job.id in parked:
        yield Wait(kind=Kind.PARKED, why=parked[job.id])
    if job.expires_at is not None and job.expires_at <= now:
        yield Wait(kind=Kind.EXPIRED, since=job.expires_at)
    if not is_due:
        yield Wait(kind=Kind.LATER, until=job.due_at)
    if pause is not None:
        yield Wait(kind=Kind.PAUSED, since=pause.since, by=pause.by, why=pause.why)
    if not is_served:
        yield Wait(kind=Kind.UNSERVED, since=job.due_at if is_due else None)
    elif not is_known:
        yield Wait(kind=Kind.UNKNOWN, since=job.due_at if is_due else None)
    if is_due and is_served and is_known and pause is None and job.id not in parked:
        yield Wait(kind=Kind.DUE, since=job.due_at)
