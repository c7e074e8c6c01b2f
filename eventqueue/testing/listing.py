"""Which jobs a filter lets through, and in what order: as one reads it, without any index. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice

from eventqueue.model.events import task_of
from eventqueue.model.fingerprint import fingerprint
from eventqueue.model.job import Job, State
from eventqueue.ports.views import Filter

BY_THEIR_END = (State.FAILED, State.DEAD, State.CANCELLED)  # listed by when they became that


def listed(jobs: Iterable[Job], filter_: Filter) -> Sequence[Job]:
    """Return the jobs that `filter_` lets through, newest first."""
    found = [job for job in jobs if _fits(job, filter_)]
    found.sort(key=lambda job: (_at(job, filter_), job.nth, job.id.encode()), reverse=True)
    return list(islice(found, filter_.limit))


def _at(job: Job, filter_: Filter) -> datetime:
    return job.updated_at if filter_.state in BY_THEIR_END else job.created_at


def _fits(job: Job, filter_: Filter) -> bool:
    told = None if job.last_error is None else job.last_error.told
    return (
        filter_.state in (None, job.state)
        and filter_.queue in (None, job.queue)
        and (filter_.tag is None or filter_.tag in job.tags)
        and filter_.task in (None, task_of(job.run))
        and (filter_.since is None or _at(job, filter_) >= filter_.since)
        and (filter_.error is None or (told is not None and filter_.error in told))
        and (filter_.fingerprint is None or (told is not None and fingerprint(told) == filter_.fingerprint))
    )
