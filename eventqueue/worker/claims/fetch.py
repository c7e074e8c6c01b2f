"""The open candidate cursor: reads on where the last claim stopped, since the view's head is what was just claimed.

It remembers every (job, version) it gave out, so a lagging view cannot make a worker spin; and where it found them,
so that it need not read them again.
"""

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import takewhile

import msgspec

from eventqueue.errors import QueueError
from eventqueue.model.events import stream_of
from eventqueue.model.job import Job, fold
from eventqueue.ports.finder import Candidates, JobFinder, Ready, Share
from eventqueue.ports.log import EventLog

REOPEN_S = 1.0
BATCH_MAX = 1000
PASSED_MAX = 1_000_000  # jobs that are never run here and remembered as such: some 60 MB
NOWHERE = ""  # the place of a job that was not found in the views

Shares = Sequence[Share]
"""What to claim from, strictly in this order."""


class Try(msgspec.Struct, frozen=True, gc=False):
    """A job that was given out: at which version, where it had been found, and when, in monotonic seconds."""

    version: int
    place: str
    at: float


def is_due(job: Job, now: datetime) -> bool:
    """Whether a job may be claimed at `now`."""
    return job.due_at is not None and job.due_at <= now


class Fetch:
    """Candidates for one worker."""

    def __init__(self, finder: JobFinder, log: EventLog) -> None:
        self._finder = finder
        self._log = log
        self._shares: Shares = ()  # that the cursor was opened for
        self._cursor: Candidates | None = None
        self._opened = float("-inf")
        self._batch = 0
        self._position: Job | None = None
        self._tried: dict[str, Try] = {}
        self._passed: set[int] = set()  # the hashes of those that this worker can never run, and of their places

    def take(self, limit: int, shares: Shares) -> list[Job]:
        """Return up to `limit` jobs of `shares` to try, none that was given out before at the same version."""
        if self._cursor is None or shares != self._shares or time.monotonic() - self._opened > REOPEN_S:
            self._open(limit, shares)
        taken: list[Job] = []
        try:
            while len(taken) < limit and self._cursor is not None:
                found = self._cursor.take(limit - len(taken), self._is_known)
                if not found:
                    self.close()
                taken += [one.job for one in found if self._is_new(one.job, one.place)]
                self._position = found[-1].job if found else self._position
        except QueueError:
            self.close()
            for job in taken:
                self.forget(job.id)
            raise
        return taken

    def take_told(self, ids: Collection[str], queues: Sequence[str], limit: int, now: datetime) -> list[Job]:
        """As `take`, of these jobs alone, where they are of `queues` (none: of any) and due.

        Read from the log: who is told of a job may be told before the views show it. `now`: on the database's clock.
        """
        rank: Mapping[str, int] = {queue: number for number, queue in enumerate(queues)} or defaultdict(int)
        histories = self._log.read_many(stream_of("job", job_id) for job_id in ids)
        jobs = (fold(history) for history in histories.values())
        found = [
            job for job in jobs if job and job.claimable and (not queues or job.queue in rank) and is_due(job, now)
        ]
        found.sort(key=lambda job: (rank[job.queue], -job.priority, job.due_at, job.nth, job.id))
        return [job for job in found[:limit] if self._is_new(job, NOWHERE)]

    def waits_for(self, ready: Ready) -> bool:
        """Whether a signal tells of something before the cursor's position."""
        place = self._position
        if self._cursor is None or place is None or place.due_at is None:
            return True
        if place.queue != ready.queue and self._shares[0].queue is not None:  # else all queues are one
            return True
        return (-ready.priority, ready.due_at) < (-place.priority, place.due_at)

    def has_tried(self, job_id: str, version: int) -> bool:
        """Whether a job was given out at this version, or a later one."""
        tried = self._tried.get(job_id)
        return tried is not None and tried.version >= version

    def pass_over(self, job_ids: Collection[str]) -> None:
        """Remember of jobs that were given out that they are never run here, however long ago they were tried.

        Where that would be more than PASSED_MAX, of which most have gone long ago perhaps, all are read once more.
        """
        if len(self._passed) + len(job_ids) > PASSED_MAX:
            self._passed.clear()
        for job_id in job_ids:
            if (tried := self._tried.pop(job_id, None)) is not None:
                self._passed.add(hash((job_id, tried.place)))

    def forget(self, job_id: str) -> None:
        """Let a job be tried again at the version it was tried at: no append was sent for it."""
        self._tried.pop(job_id, None)

    def forget_before(self, moment: float) -> None:
        """Forget the tries made before a moment, in monotonic seconds: the views show by now what came of them."""
        for job_id in [*takewhile(lambda job_id: self._tried[job_id].at < moment, self._tried)]:
            del self._tried[job_id]

    def forget_all(self) -> None:
        """Let every job be tried again: the views were switched, perhaps to those of a log that was restored."""
        self._tried.clear()
        self._passed.clear()
        self.close()

    @property
    def position(self) -> Job | None:
        """The last job read; None at the end of the ready jobs, and before the first."""
        return self._position if self._cursor is not None else None

    def close(self) -> None:
        """Give the cursor back; the next `take` opens another."""
        if self._cursor is not None:
            self._cursor.close()
        self._cursor = None

    def _open(self, limit: int, shares: Shares) -> None:
        # A batch that was used up within a second was too small.
        used_up = self._cursor is not None and self._position is not None
        # Nor are what stands in front and is passed over to be asked for a few at a time.
        self._batch = min(BATCH_MAX, max(2 * limit, 2 * self._batch if used_up else 0, len(self._passed)))
        self.close()
        self._cursor = self._finder.candidates(shares, self._batch)
        self._shares, self._opened, self._position = shares, time.monotonic(), None

    def _is_known(self, job_id: str, place: str) -> bool:
        tried = self._tried.get(job_id)
        return (tried is not None and tried.place == place) or hash((job_id, place)) in self._passed

    def _is_new(self, job: Job, place: str) -> bool:
        tried = self._tried.pop(job.id, None)
        # At the end: the oldest stand in front.
        self._tried[job.id] = Try(job.version, place, time.monotonic())
        return tried is None or tried.version < job.version
