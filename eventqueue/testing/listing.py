"""The jobs in memory that a filter lets through: all are looked at. Pure."""

from collections.abc import Iterable, Sequence
from itertools import islice

from eventqueue.audit.fitting import fits, is_by_end, place_of
from eventqueue.errors import JobNotFound, Refused
from eventqueue.model.job import Job
from eventqueue.ports.views import Filter


def listed(jobs: Iterable[Job], filter_: Filter) -> Sequence[Job]:
    """Return the jobs that `filter_` lets through, newest first. Raises Refused where it begins after no such job."""
    all_ = list(jobs)
    found = [job for job in all_ if fits(job, filter_)]
    if filter_.after is not None:
        last = next((job for job in all_ if job.id == filter_.after), None)
        if last is None:
            raise JobNotFound(filter_.after)
        if is_by_end(filter_) and last.state not in filter_.any_state:
            of = " or ".join(filter_.any_state)
            raise Refused(f"Job {last.id} is {last.state} by now, and no list of {of} jobs goes on after it.")
        found = [job for job in found if place_of(job, filter_) < place_of(last, filter_)]
    found.sort(key=lambda job: place_of(job, filter_), reverse=True)
    return list(islice(found, filter_.limit))
