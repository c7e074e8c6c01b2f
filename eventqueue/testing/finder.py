"""The views of a log in memory as workers read them."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import islice
from operator import itemgetter

from bson.timestamp import Timestamp

from eventqueue.model.codec import BUCKETS, EPOCH, bucket_of
from eventqueue.model.job import Job, State
from eventqueue.ports.finder import Candidate, Candidates, Known, Share
from eventqueue.ports.footing import Clock
from eventqueue.testing.shown import Shown

_TURN = itemgetter(0, 1)


class MemoryFinder:
    """See eventqueue.ports.finder.JobFinder."""

    def __init__(self, shown: Shown, clock: Clock) -> None:
        self._shown = shown
        self._clock = clock

    def follow(self, generation: int) -> None:
        """See JobFinder.follow: there is one generation."""

    def vouch(self) -> datetime:
        """See JobFinder.vouch."""
        return self._clock.now()

    def end(self) -> Timestamp:
        """See JobFinder.end."""
        return Timestamp(int((self._clock.now() - EPOCH).total_seconds()), 1)

    def shows(self, end: Timestamp) -> bool:  # noqa: ARG002 - the port's
        """See JobFinder.shows."""
        return self._shown.behind == 0

    def candidates(self, shares: Sequence[Share], batch: int) -> Candidates:  # noqa: ARG002 - the port's
        """See JobFinder.candidates."""
        return _Cursor(job for share in shares for job in self._ready(share))

    def heads(self, shares: Sequence[Share], limit: int) -> list[Job]:
        """See JobFinder.heads."""
        found = (job for share in shares for job in self._ready(_everywhere(share)))
        return list(islice(found, limit))

    def held_by(self, workers: Collection[str]) -> dict[str, list[Job]]:
        """See JobFinder.held_by."""
        jobs = self._shown.jobs().values()
        return {worker: [job for job in jobs if job.worker == worker] for worker in workers}

    def holders(self) -> set[str]:
        """See JobFinder.holders."""
        return {job.worker for job in self._shown.jobs().values() if job.worker is not None}

    def get(self, ids: Collection[str]) -> dict[str, Job]:
        """See JobFinder.get."""
        jobs = self._shown.jobs()
        return {job_id: jobs[job_id] for job_id in ids if job_id in jobs}

    def unburied_failures(self) -> list[Job]:
        """See JobFinder.unburied_failures."""
        return [job for job in self._shown.jobs().values() if job.state is State.FAILED and job.due_at is None]

    def _ready(self, share: Share) -> Iterator[Job]:
        """Yield the jobs of a share that are due, in claim order; those that are alike as they began to wait."""
        now = self._clock.now()
        jobs = self._shown.waiting()
        found = [(-job.priority, job.due_at, job) for job in jobs if job.due_at is not None and job.due_at <= now]
        return (job for _, _, job in sorted(found, key=_TURN) if _is_of(share, job))


def _everywhere(share: Share) -> Share:
    """Return a share of the same queues in all their buckets; of a queue of which it is none it stays none."""
    others = {queue: range(BUCKETS) if buckets else buckets for queue, buckets in share.others.items()}
    return Share(share.queue, range(BUCKETS), others)


def _is_of(share: Share, job: Job) -> bool:
    buckets = share.buckets if share.queue is not None else share.others.get(job.queue, share.buckets)
    is_whole = len(buckets) == BUCKETS  # then nothing is hashed
    return share.queue in (None, job.queue) and (is_whole or bucket_of(job.stream) in buckets)


class _Cursor:
    def __init__(self, found: Iterator[Job]) -> None:
        self._found = found

    def take(self, limit: int, is_known: Known) -> list[Candidate]:
        """See Candidates.take."""
        unknown = (job for job in self._found if not is_known(job.id, _place(job)))
        return [Candidate(job, _place(job)) for job in islice(unknown, limit)]

    def close(self) -> None:
        """See Candidates.close."""


def _place(job: Job) -> str:
    # Another one after each claim.
    return f"{job.id}@{job.version}"
