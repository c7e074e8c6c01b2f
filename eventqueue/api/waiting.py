"""Waiting for jobs and for the views: woken by signals, and looking now and then without one."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import islice

import pymongo

from eventqueue.errors import JobNotFound, LogCorrupt, Unavailable, WaitTimeout
from eventqueue.log.loading import load_many
from eventqueue.model.events import stream_of
from eventqueue.model.job import FINAL, Job
from eventqueue.ports.finder import JobFinder, SignalFeed
from eventqueue.ports.log import EventLog
from eventqueue.ports.views import Views

CALL_S, LOOK_S = 10.0, 1.5  # for the database to answer: at most, and at least, however soon to give up
QUICK_S = 0.01  # a look that takes longer is followed by a rest of the same length
AGAIN_S = 0.2  # until a database that did not answer is asked again
PORTION = 500  # jobs that are looked at at once
_END = object()


class Waiting:
    """Waits with the signals of one database."""

    def __init__(self, signals: SignalFeed, views: Views, log: EventLog, finder: JobFinder) -> None:
        self._signals = signals
        self._views = views
        self._log = log
        self._finder = finder

    def ends(self, open_: Sequence[str], timeout: float | None) -> Sequence[Job]:
        """Return the jobs with these ids once each has ended. Raises WaitTimeout."""
        ended: dict[str, Job] = {}
        versions = dict.fromkeys(open_, 0)  # at which each of the others was seen

        def look(give_up: float) -> bool:
            left = iter(list(versions))
            while some := list(islice(left, PORTION)):
                with _answering_by(give_up):
                    found = self._moved({job_id: versions[job_id] for job_id in some})
                for job_id, job in found.items():
                    versions[job_id] = job.version
                    if job.state in FINAL:
                        ended[job_id] = job
                        del versions[job_id]
                if time.monotonic() > give_up:
                    break
            return not versions

        self._until(look, timeout, lambda: f"job {next(iter(versions))} to end")
        return [ended[job_id] for job_id in open_]

    def _moved(self, versions: Mapping[str, int]) -> Mapping[str, Job]:
        """Return those of these jobs that have gone on since their versions. Raises JobNotFound, or LogCorrupt."""
        gone_on = self._log.find_next((stream_of("job", job_id), at) for job_id, at in versions.items())
        ids = [job_id for job_id, at in versions.items() if not at or stream_of("job", job_id) in gone_on]
        loaded = load_many(self._log, self._finder, ids)
        jobs: dict[str, Job] = {}
        for job_id in ids:
            found = loaded.get(job_id)
            if isinstance(found, LogCorrupt):
                raise found
            if found is None:
                raise JobNotFound(job_id)
            _, jobs[job_id] = found
        return jobs

    def moves(self) -> Iterator[bool]:
        """See Queue.follow."""
        while True:
            with suppress(Unavailable):  # an election, perhaps: it is waited out
                for signal in self._signals.follow():
                    yield signal is not None
            yield False
            time.sleep(AGAIN_S)

    def shows(self, job_id: str, version: int, timeout: float | None, *, may_be_stale: bool) -> bool:
        """Return True once the views show that version of a job, or a later one. Raises JobParked.

        After `timeout` seconds WaitTimeout is raised, or, with `may_be_stale`, False returned.
        """

        # To bring the views to the log's end takes as long as it takes: what was done of it would be done again.
        def look(_: float) -> bool:
            job = None if self._views.refresh().seconds is None else self._views.get(job_id)
            return job is not None and job.version >= version

        try:
            self._until(look, timeout, lambda: f"the view to show job {job_id}")
        except WaitTimeout:
            if not may_be_stale:
                raise
            return False
        return True

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
                began = time.monotonic()
                if look(give_up):
                    return
                # Very many jobs take a while to look at, and signals may come without a pause.
                time.sleep(max(0.0, min(time.monotonic() - began - QUICK_S, LOOK_S, give_up - time.monotonic())))
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
