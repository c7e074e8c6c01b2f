"""Waiting for jobs and for the views: woken by signals, and looking now and then without one."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import pymongo

from eventqueue.errors import Unavailable, WaitTimeout
from eventqueue.finder import SignalFeed
from eventqueue.job import FINAL, Job
from eventqueue.views import Views

CALL_S, LOOK_S = 10.0, 1.5  # for the database to answer: at most, and at least, however soon to give up
AGAIN_S = 0.2  # until a database that did not answer is asked again
_END = object()

Get = Callable[[str], Job]


class Waiting:
    """Waits with the signals of one database; `get` returns a job as the log has it."""

    def __init__(self, signals: SignalFeed, views: Views, get: Get) -> None:
        self._signals = signals
        self._views = views
        self._get = get

    def ends(self, open_: Sequence[str], timeout: float | None) -> Sequence[Job]:
        """Return the jobs with these ids once each has ended. Raises WaitTimeout."""
        ended: dict[str, Job] = {}

        def look(give_up: float) -> bool:
            for job_id in open_:
                if job_id not in ended:
                    with _answering_by(give_up):
                        job = self._get(job_id)
                    if job.state in FINAL:
                        ended[job_id] = job
            return len(ended) == len(set(open_))

        self._until(look, timeout, lambda: f"job {next(i for i in open_ if i not in ended)} to end")
        return [ended[job_id] for job_id in open_]

    def shows(self, job_id: str, version: int, timeout: float | None) -> None:
        """Return once the views show that version of a job, or a later one. Raises WaitTimeout, or JobParked."""

        # To bring the views to the log's end takes as long as it takes: what was done of it would be done again.
        def look(_: float) -> bool:
            job = None if self._views.refresh().seconds is None else self._views.get(job_id)
            return job is not None and job.version >= version

        self._until(look, timeout, lambda: f"the view to show job {job_id}")

    def _until(self, look: Callable[[float], bool], timeout: float | None, what: Callable[[], str]) -> None:
        """Return once `look`, told when to give up, says so: asked at once, at each signal, and now and then without.

        A database that does not answer is waited for like all else: an election ends in seconds.
        """
        give_up = float("inf") if timeout is None else time.monotonic() + timeout
        signals: Iterator[object] | None = None
        trouble = ""
        while True:
            try:
                with _answering_by(give_up):  # before the look: what comes in between is not missed
                    signals = signals or self._signals.follow()
                if look(give_up):
                    return
                with _answering_by(give_up):
                    signals = signals if next(signals, _END) is not _END else None
                trouble = ""
            except Unavailable as error:
                signals, trouble = None, f" ({error})"
                time.sleep(AGAIN_S)
            if time.monotonic() > give_up:
                raise WaitTimeout(f"Waited {timeout:g} s for {what()}: it may still come{trouble}.")


def _answering_by(give_up: float) -> AbstractContextManager[object]:
    """Have the database answer by then: a silent one is not to take longer than whoever waits has, but for a moment."""
    return pymongo.timeout(min(CALL_S, max(LOOK_S, give_up - time.monotonic())))
