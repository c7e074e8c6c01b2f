"""Waiting for jobs, woken by the log, and for the views, woken by signals; and looking now and then without either."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

from eventqueue.api.steps import AGAIN_S, LOOK_S, Hear, Look, Rest, end_of, next_of, rest_s, steps, too_late
from eventqueue.errors import JobNotFound, LogCorrupt, Unavailable, WaitTimeout
from eventqueue.log.loading import load_many
from eventqueue.model.events import stream_of
from eventqueue.model.job import Job
from eventqueue.mongo.patience import answered_within
from eventqueue.ports.endings import Endings
from eventqueue.ports.finder import JobFinder, SignalFeed
from eventqueue.ports.log import EventLog
from eventqueue.ports.views import Views

CALL_S = 10.0  # for the database to answer, at most
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

    def each(self, job_ids: Collection[str], timeout: float | None) -> Iterator[Job]:
        """Yield each of the jobs with these ids, once, as soon as it has ended. Raises WaitTimeout."""
        with self._endings.listen(job_ids) as heard:
            way = steps(job_ids, timeout)
            reply: Any = None
            while (step := next_of(way, reply)) is not None:
                reply = None
                match step:
                    case Look():
                        reply = self.look(step)
                    case Hear(seconds):
                        reply = heard.wait(seconds)
                    case Rest(seconds):
                        time.sleep(seconds)
                    case _:
                        yield step

    def look(self, step: Look) -> Mapping[str, Job] | Unavailable:
        """Return those jobs that have gone on. Raises JobNotFound, or LogCorrupt."""
        try:
            with _answering_by(step.give_up):
                return self._moved(step.versions, are_told=step.are_told)
        except Unavailable as error:
            return error

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
        give_up = end_of(timeout)
        signals: Iterator[object] | None = None
        trouble = ""
        while True:
            try:
                with _answering_by(give_up):  # before the look: what comes in between is not missed
                    signals = signals or self._signals.follow()
                began = time.monotonic()
                if look():
                    return
                time.sleep(rest_s(began, give_up))
                with _answering_by(give_up):
                    signals = signals if next(signals, _END) is not _END else None
                trouble = ""
            except Unavailable as error:
                signals, trouble = None, f" ({error})"
                time.sleep(AGAIN_S)
            if time.monotonic() > give_up:
                raise too_late(timeout, what(), trouble)


def _answering_by(give_up: float) -> AbstractContextManager[object]:
    """Have the database answer by then: a silent one is not to take longer than whoever waits has, but for a moment."""
    return answered_within(min(CALL_S, max(LOOK_S, give_up - time.monotonic())))
