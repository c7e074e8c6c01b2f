"""Waiting for jobs, woken by the log, and for the views, woken by signals; and looking now and then without either."""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import islice

import pymongo

from eventqueue.errors import JobNotFound, LogCorrupt, Unavailable, WaitTimeout
from eventqueue.log.loading import load_many
from eventqueue.model.events import stream_of
from eventqueue.model.job import FINAL, Job
from eventqueue.ports.endings import Endings
from eventqueue.ports.finder import JobFinder, SignalFeed
from eventqueue.ports.log import EventLog
from eventqueue.ports.views import Views

CALL_S, LOOK_S = 10.0, 1.5  # for the database to answer: at most, and at least, however soon to give up
QUICK_S = 0.01  # a look that takes longer is followed by a rest of the same length
AGAIN_S = 0.2  # until a database that did not answer is asked again
PORTION = 500  # jobs that are looked at at once
_END = object()


class Waiting:
    """Waits with what one database tells."""

    def __init__(self, endings: Endings, signals: SignalFeed, views: Views, log: EventLog, finder: JobFinder) -> None:
        self._endings = endings
        self._signals = signals
        self._views = views
        self._log = log
        self._finder = finder

    def ends(self, job_ids: Sequence[str], timeout: float | None) -> Sequence[Job]:
        """Return the jobs with these ids once each has ended. Raises WaitTimeout."""
        ended = {job.id: job for job in self.each(job_ids, timeout)}
        return [ended[job_id] for job_id in job_ids]

    def each(self, job_ids: Iterable[str], timeout: float | None) -> Iterator[Job]:
        """Yield each of the jobs with these ids, once, as soon as it has ended. Raises WaitTimeout."""
        give_up, trouble = _end_of(timeout), ""
        versions = dict.fromkeys(job_ids, 0)  # at which each of the others was seen
        with self._endings.listen(versions) as heard:  # before the look: what ends in between is not missed
            told: Collection[str] | None = None
            while True:
                began = time.monotonic()
                try:
                    yield from self._look(versions, told, give_up)
                    told, trouble = None, ""
                except Unavailable as error:  # waited for like all else: an election ends in seconds
                    told, trouble = None, f" ({error})"
                if not versions:
                    return
                if time.monotonic() > give_up:
                    raise _too_late(timeout, f"job {next(iter(versions))} to end", trouble)
                if trouble:
                    time.sleep(AGAIN_S)
                else:
                    _rest(began, give_up)
                    told = heard.wait(give_up - time.monotonic())

    def _look(self, versions: dict[str, int], told: Collection[str] | None, give_up: float) -> Iterator[Job]:
        """Yield those of these jobs that have ended, and take them out; `told`: those that have to, None: not known."""
        left = iter([job_id for job_id in (versions if told is None else told) if job_id in versions])
        while some := list(islice(left, PORTION)):
            with _answering_by(give_up):
                found = self._moved({job_id: versions[job_id] for job_id in some}, are_told=told is not None)
            for job_id, job in found.items():
                versions[job_id] = job.version
                if job.state in FINAL:
                    del versions[job_id]
                    yield job
            if time.monotonic() > give_up:
                break

    def _moved(self, versions: Mapping[str, int], *, are_told: bool) -> Mapping[str, Job]:
        """Return those of these jobs that have gone on since their versions. Raises JobNotFound, or LogCorrupt."""
        ids = list(versions)
        if not are_told:
            seen = {stream_of("job", job_id): at for job_id, at in versions.items() if at}
            gone_on = self._log.find_next(seen.items()) if seen else ()
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
        def look() -> bool:
            job = None if self._views.refresh().seconds is None else self._views.get(job_id)
            return job is not None and job.version >= version

        try:
            self._until(look, timeout, lambda: f"the view to show job {job_id}")
        except WaitTimeout:
            if not may_be_stale:
                raise
            return False
        return True

    def _until(self, look: Callable[[], bool], timeout: float | None, what: Callable[[], str]) -> None:
        """Return once `look` says so: asked at once, at each signal, and now and then without.

        A database that does not answer is waited for like all else: an election ends in seconds.
        """
        give_up = _end_of(timeout)
        signals: Iterator[object] | None = None
        trouble = ""
        while True:
            try:
                with _answering_by(give_up):  # before the look: what comes in between is not missed
                    signals = signals or self._signals.follow()
                began = time.monotonic()
                if look():
                    return
                _rest(began, give_up)
                with _answering_by(give_up):
                    signals = signals if next(signals, _END) is not _END else None
                trouble = ""
            except Unavailable as error:
                signals, trouble = None, f" ({error})"
                time.sleep(AGAIN_S)
            if time.monotonic() > give_up:
                raise _too_late(timeout, what(), trouble)


def _end_of(timeout: float | None) -> float:
    return float("inf") if timeout is None else time.monotonic() + timeout


def _rest(began: float, give_up: float) -> None:
    # Very many jobs take a while to look at, and news may come without a pause.
    time.sleep(max(0.0, min(time.monotonic() - began - QUICK_S, LOOK_S, give_up - time.monotonic())))


def _too_late(timeout: float | None, what: str, trouble: str) -> WaitTimeout:
    return WaitTimeout(f"Waited {timeout:g} s for {what}: it may still come{trouble}.")


def _answering_by(give_up: float) -> AbstractContextManager[object]:
    """Have the database answer by then: a silent one is not to take longer than whoever waits has, but for a moment."""
    return pymongo.timeout(min(CALL_S, max(LOOK_S, give_up - time.monotonic())))
