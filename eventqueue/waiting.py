"""Waiting for jobs and for the views: woken by signals, and looking now and then without one."""

import time
from collections.abc import Callable, Iterator, Sequence

from eventqueue.errors import WaitTimeout
from eventqueue.finder import SignalFeed
from eventqueue.job import FINAL, Job
from eventqueue.views import Views

Get = Callable[[str], Job]


class Waiting:
    """Waits with the signals of one database; `get` returns a job as the log has it."""

    def __init__(self, signals: SignalFeed, views: Views, get: Get) -> None:
        self._signals = signals
        self._views = views
        self._get = get

    def ends(self, open_: Sequence[str], timeout: float | None) -> Sequence[Job]:
        """Return the jobs with these whole ids once each has ended. Raises WaitTimeout."""
        ended: dict[str, Job] = {}
        for _ in self._ticks(timeout, lambda: f"job {next(i for i in open_ if i not in ended)} to end"):
            for job_id in open_:
                if job_id not in ended and (job := self._get(job_id)).state in FINAL:
                    ended[job_id] = job
            if len(ended) == len(set(open_)):
                break
        return [ended[job_id] for job_id in open_]

    def shows(self, job_id: str, version: int, timeout: float | None) -> None:
        """Return once the views show that version of a job, or a later one. Raises WaitTimeout, or JobParked."""
        for _ in self._ticks(timeout, lambda: f"the view to show job {job_id}"):
            job = None if self._views.refresh().seconds is None else self._views.get(job_id)
            if job is not None and job.version >= version:
                return

    def _ticks(self, timeout: float | None, what: Callable[[], str]) -> Iterator[None]:
        """Yield at once, then whenever a signal says that the views have moved, and now and then without one."""
        give_up = None if timeout is None else time.monotonic() + timeout
        signals = self._signals.follow()
        yield
        for _ in signals:
            if give_up is not None and time.monotonic() > give_up:
                raise WaitTimeout(f"Waited {timeout:g} s for {what()}: it may still come.")
            yield
