"""Jobs that something is done to, gone through some hundred at a time and told of in the log as one act.

One by one each would wait for the journal by itself: 38,800 dead jobs were retried in six minutes so, now in seconds.
"""

from collections.abc import Generator, Iterable, Iterator, MutableMapping, Sequence, Sized
from itertools import islice
from typing import Protocol

from eventqueue.api import enqueueing
from eventqueue.api.bulk import Acted, Bulk, Outcome, Teller
from eventqueue.api.enqueueing import new_id
from eventqueue.api.finding import text_of_found
from eventqueue.api.jobs import stream_for
from eventqueue.audit.fitting import fits
from eventqueue.errors import IllegalTransition, LogUnavailable, QueueError, Unavailable
from eventqueue.model.acts import ActBegun
from eventqueue.model.events import name_in
from eventqueue.model.job import Job
from eventqueue.ports.footing import Footing
from eventqueue.ports.views import Filter, Found

BATCH = enqueueing.BATCH  # jobs in one append


class Step(Protocol):
    """What is done to jobs, a batch of them at a time."""

    def begun(self, jobs: int | None, found_by: str | None) -> ActBegun:
        """Return how the log tells of it as an act on so many, found by a filter or named."""
        ...

    def do(self, ids: Sequence[str], act_id: str | None, outcomes: MutableMapping[str, Outcome]) -> None:
        """Add what becomes of these jobs; those that are missing then are to be tried once more.

        Raises LogUnavailable, of which `in_doubt` tells the jobs, or Unavailable.
        """
        ...

    def in_doubt(self, error: LogUnavailable) -> Sequence[str]:
        """Return those of the jobs of which it is not known whether it was done to them."""
        ...


class Batches:
    """Takes steps on the log that is on `ground`, in the name of `actor`."""

    def __init__(self, ground: Footing, actor: str) -> None:
        self._teller = Teller(ground, actor)

    def bulk(self, jobs: Iterable[str], step: Step) -> Bulk:
        """Return what acts, and tells what becomes of each job, in order.

        Reading from it raises LogUnavailable with the ids of those in doubt, or Unavailable. Where a Ctrl-C comes in
        between, the next BATCH are in doubt.
        """
        return Bulk(len(jobs) if isinstance(jobs, Sized) else None, lambda bulk: self._each(bulk, jobs, step))

    def _each(self, bulk: Bulk, jobs: Iterable[str], step: Step) -> Generator[Acted]:
        coming = (name_in(stream_for(one)) for one in jobs)
        ids = list(islice(coming, BATCH))
        begun, end = None, self._teller.end
        if len(ids) > 1 or (ids and isinstance(jobs, Found)):  # one job that is named is told of by itself
            act_id = new_id()
            found_by = text_of_found(jobs) if isinstance(jobs, Found) else None
            begun = self._teller.begin(act_id, step.begun(bulk.jobs, found_by))
            bulk.id = act_id
        try:
            while ids and not bulk.is_stopped:
                yield from _batch(bulk, ids, step)
                ids = list(islice(coming, BATCH))
        except Unavailable:
            begun = None  # to wait for it once more would tell nobody anything
            raise
        except KeyboardInterrupt:
            end = self._teller.end_in_a_hurry
            raise
        except GeneratorExit:
            begun = begun if bulk.is_stopped else None  # who collects what was forgotten may hold any lock just then
            end = self._teller.end_in_a_hurry if bulk.is_left else end
            raise
        finally:
            if begun is not None and bulk.id is not None and bulk.is_at_home:
                end(bulk.id, begun, bulk.sum)


def _batch(bulk: Bulk, ids: Sequence[str], step: Step) -> Iterator[Acted]:
    outcomes: dict[str, Outcome] = {}
    open_: Sequence[str] = list(dict.fromkeys(ids))
    doubtful: Sequence[str] = ()
    bulk.doubt(ids)
    failed: QueueError | None = None
    try:
        while open_:
            step.do(open_, bulk.id, outcomes)
            open_ = [job_id for job_id in open_ if job_id not in outcomes]
    except QueueError as error:
        failed, doubtful = error, step.in_doubt(error) if isinstance(error, LogUnavailable) else ()
    told = [Acted(job_id, outcomes[job_id]) for job_id in ids if job_id in outcomes]
    bulk.doubt(doubtful)
    yield from bulk.told(told)
    if failed is not None:
        raise failed


def wanted_by(jobs: Iterable[str]) -> tuple[Filter, ...]:
    """Return the filters by which jobs were found, of which each must fit one when its turn comes, too."""
    return jobs.wanted if isinstance(jobs, Found) else ()


def check_fits(job: Job, wanted: Sequence[Filter]) -> None:
    """Raise IllegalTransition for a job that fits none of these filters any more."""
    if wanted and not any(fits(job, one) for one in wanted):
        raise IllegalTransition(f"Job {job.id} was changed meanwhile, and fits no more: it is {job.state}.")
