"""The queue as it was at a moment that is past: what there is to see of it now, of then.

Nothing of it is asked of the views but counters (`eventqueue.travel.counting`), and nothing is brought up to date.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Unpack

from eventqueue.api.arguments import back, check_limit, check_text, selected
from eventqueue.api.failing import of_now
from eventqueue.api.jobs import check_part, part_of, stream_for
from eventqueue.api.scheduling import Scheduled, shown
from eventqueue.audit.clauses import Around, Holder, Why
from eventqueue.audit.errors import Errors, group, newest
from eventqueue.audit.facets import Facets, of_all
from eventqueue.audit.orders import order, ordered
from eventqueue.audit.standstill import served
from eventqueue.audit.why import explain
from eventqueue.errors import InvalidInput, Refused
from eventqueue.model import lives, readable
from eventqueue.model.codec import decode, to_ms
from eventqueue.model.durations import Duration
from eventqueue.model.events import Recorded, stream_of
from eventqueue.model.figures import moment as shown_as
from eventqueue.model.ignoring import IgnoredKind
from eventqueue.model.job import Job, State, fold
from eventqueue.model.moments import AHEAD
from eventqueue.model.pause import Pause, problems_of
from eventqueue.model.progress import Progress
from eventqueue.model.waits import Wait, wait_of, waits_of
from eventqueue.mongo.past import Past, begin_of
from eventqueue.ports.views import (
    Counts,
    Failure,
    Filter,
    FilterFields,
    Gone,
    Lag,
    Listing,
    QueueStatus,
    Rate,
    Stats,
    Status,
    Views,
    Walk,
    Worker,
    WorkerRuns,
)
from eventqueue.schedules.events import CATEGORY
from eventqueue.schedules.schedule import of_stream
from eventqueue.system import forks
from eventqueue.travel import counting, crew, gone
from eventqueue.travel.listing import listed
from eventqueue.travel.ran import ran

if TYPE_CHECKING:
    from eventqueue.connect import Connection

WHOLE = Lag(0.0)  # the log is not behind itself


class Then:
    """What a Queue shows, as it was at `moment`; see the methods of Queue with the same names.

    Of workers when they last renewed their leases is not known, but of those that were lost: that is no history.
    """

    def __init__(self, past: Past, views: Views) -> None:
        self.moment = past.moment
        self._past = past
        self._views = views
        forks.guard(self)

    def history(self, job_id: str, *, last: int | None = None, before: int | None = None) -> list[Recorded]:
        """Return the events that a job had by then; `last`, `before`: as of a Queue. Raises Refused if it had none."""
        check_part(last, before)
        found = self._past.history(stream_for(job_id))
        if not found:
            raise Refused(f"Job {job_id} was not there yet: `queuectl history {job_id}` shows since when it is.")
        begin, end = part_of(len(found), last, before)
        return [decode(raw) for raw in found[begin:end]]

    def get(self, job_id: str) -> Job:
        """Return a job as its history by then makes it. Raises Refused if it was not there."""
        job = fold(self.history(job_id))
        assert job is not None
        return job

    def explain(self, history: Sequence[Recorded], job: Job | None = None) -> Why:
        """Return why the job with this history by then was in its state, as far as the log tells.

        `job`: what the history makes, where that is known: of very many events to fold them takes long.
        """
        job = job or fold(history)
        assert job is not None
        if job.due_at is not None:
            waits = waits_of(job, self.moment, self.paused(), served(crew.workers(self._past)), {})
            return explain(job, history, Around(now=self.moment, is_past=True, waits=[*waits]))
        life = self._life(job.worker)
        return explain(job, history, Around(now=self.moment, is_past=True, holder=self._holder(job, life), life=life))

    def _life(self, worker: str | None) -> Sequence[Recorded]:
        return [] if worker is None else readable.read(self._past.history(stream_of(lives.CATEGORY, worker))).events

    def _holder(self, job: Job, life: Sequence[Recorded]) -> Holder | None:
        silent = {} if job.worker is None else crew.silences(self._past, [job.worker])
        for since in silent.values():
            return Holder(renewed_at=since, is_live=False)
        # One of whom the log tells nothing was there before workers were told of.
        return None if lives.is_over(life) else Holder(renewed_at=self.moment, is_live=True, stop_by=crew.stop_by(life))

    def list(self, filter_: Filter | None = None, *, sort: str | None = None, **more: Unpack[FilterFields]) -> Listing:
        """Return jobs, newest first: of a filter, or of its fields. `sort`: as of a Queue. Raises InvalidInput."""
        return Listing([*self.walk(filter_, sort=sort, **more).jobs], WHOLE)

    def walk(
        self,
        filter_: Filter | None = None,
        *,
        sort: str | None = None,
        is_brief: bool = False,  # noqa: ARG002 - as of a Queue; the log is read whole in any case
        **more: Unpack[FilterFields],
    ) -> Walk:
        """As `list`, but read some at a time while they are gone through."""
        return Walk(forks.at_home(ordered(self._jobs, selected(filter_, more), order(sort))), WHOLE)

    def _jobs(self, filter_: Filter) -> Iterator[Job]:
        for number, job in enumerate(listed(self._past, filter_, lambda: self._count(filter_)), start=1):
            yield job
            if number == filter_.limit:  # and not only once one more was found
                return

    def _count(self, filter_: Filter) -> int:
        found = self.counts()
        queues = found if filter_.queue is None else [filter_.queue]  # of several all are looked at
        states = filter_.any_state or State
        return sum(found.get(queue, {}).get(state, 0) for queue in queues for state in states)

    def counts(self) -> Mapping[str, Counts]:
        """Return the number of jobs by queue and state."""
        return counting.counts(self._past, self._views)

    def errors(
        self, filter_: Filter | None = None, *, newest: int | None = None, **more: Unpack[FilterFields]
    ) -> Errors:
        """Return what jobs had failed with that were failed or dead; see Queue.errors. Raises InvalidInput."""
        wanted = selected(filter_, more)
        if newest is not None:
            check_limit(newest, "newest")
        found = ((job, job.last_error) for one in of_now(wanted, newest) for job in self.walk(one).jobs)
        failures = (Failure(job.id, job.queue, job.updated_at, error.told) for job, error in found if error)
        return group(failures, crew.ignored(self._past))

    def ignored_errors(self) -> Sequence[IgnoredKind]:
        """Return the kinds of failures that were ignored, the newest first."""
        return newest(crew.ignored(self._past).kinds.values())

    def facets(self, filter_: Filter | None = None, **more: Unpack[FilterFields]) -> Facets:
        """As of a Queue, as far as counters tell: of states and queues, where no more is asked for."""
        return of_all(self.counts(), selected(filter_, more), WHOLE)

    def paused(self) -> Mapping[str, Pause]:
        """Return the pauses by queue."""
        return crew.paused(crew.valves(self._past))

    def status(self) -> Status:
        """Return counts by queue and state, paused queues, and the workers, without what they ran.

        Which queues did not move is not told.
        """
        found = crew.workers(self._past)
        valves = crew.valves(self._past)
        return Status(
            queues=self.counts(),
            paused=crew.paused(valves),
            still=(),
            workers=found,
            lag=WHOLE,
            unread=problems_of(valves),
        )

    def queues(self) -> Sequence[QueueStatus]:
        """Return every queue that had had a job by then or was paused, by name."""
        counts, paused = self.counts(), self.paused()
        return [QueueStatus(name, counts.get(name, {}), paused.get(name)) for name in sorted({*counts, *paused})]

    def workers(self) -> Sequence[Worker]:
        """Return the workers that had started and neither left nor fallen silent, with what they were running."""
        return crew.running(crew.workers(self._past), self.walk(Filter(state=State.PROCESSING, limit=None)).jobs)

    def workers_gone(self, within: Duration = timedelta(days=1), limit: int = 50) -> Sequence[Gone]:
        """Return the workers that had left or were lost, or were silent, with what they held, as it stood then."""
        check_limit(limit)
        silent = crew.silent(self._past)
        held: dict[str | None, list[Job]] = {}
        for job in self.walk(Filter(state=State.PROCESSING, limit=None)).jobs if silent else ():
            held.setdefault(job.worker, []).append(job)
        since = back(self.moment, within)
        found = [gone.silent(one, held.get(one.id, ())) for one in silent]
        return gone.gone(self._past, since, limit, found, self._states)

    def worker_runs(self, worker_id: str, limit: int = 50, *, before: str | None = None) -> WorkerRuns:
        """Return the last attempts that a worker had begun, and how those had ended that had; see Queue.worker_runs."""
        check_limit(limit)
        return ran(self._past, check_text(worker_id, "worker_id"), limit, before)

    def _states(self, job_ids: Collection[str]) -> Mapping[str, State]:
        found: dict[str, State] = {}
        for raws in self._past.histories([stream_of("job", one) for one in job_ids]).values():
            if (job := fold(readable.read(raws).events)) is not None:
                found[job.id] = job.state
        return found

    def schedules(self) -> Sequence[Scheduled]:
        """Return the schedules that there were, by name, without what their last ticks had become."""
        found = (of_stream(stream, history) for stream, history in self._past.category(CATEGORY))
        return [shown(one, self.moment) for one in found if one.definition is not None]

    def waits(self, jobs: Sequence[Job]) -> Mapping[str, Wait]:
        """Return, by id, what those of `jobs` waited for that waited to be claimed."""
        waiting = [job for job in jobs if job.due_at is not None]
        if not waiting:
            return {}
        paused, by = self.paused(), served(crew.workers(self._past))
        found = {job.id: wait_of(job, self.moment, paused, by, {}) for job in waiting}
        return {job_id: wait for job_id, wait in found.items() if wait is not None}

    def progress(self, jobs: Sequence[Job]) -> Mapping[str, Progress]:  # noqa: ARG002 - as Queue.progress
        """Return nothing: how far tasks were is not kept."""
        return {}

    def stats(self, window: timedelta = timedelta(hours=1)) -> Stats:
        """Return what happened in a window that ended then."""
        return self._views.stats(window, self.moment)

    def rates(self, window: timedelta = timedelta(hours=1), queue: str | None = None) -> Sequence[Rate]:
        """Return how much happened in each part of a window that ended then, or where what is counted then begins."""
        return self._views.rates(window, self.moment, queue)


def travel_to(connection: "Connection", moment: datetime) -> Then:
    """See Queue.at."""
    if moment.tzinfo is None:
        raise InvalidInput("at", "must have a time zone, such as datetime.UTC")
    ground, moment = connection.ground, to_ms(moment.astimezone(UTC))
    # The time of an event that was read just now is none that is yet to come, though its clock was a little ahead.
    if moment > (now := ground.clock.now()) + AHEAD:
        raise InvalidInput("at", f"lies in the future: it is {shown_as(now)}")
    begin = begin_of(ground.database, ground.log)
    if begin is None:
        raise InvalidInput("at", "the log is empty: there is no past yet")
    if moment < begin:
        raise InvalidInput("at", f"the log begins at {shown_as(begin)}: give a later time")
    return Then(Past(ground.database, ground.log, moment), connection.views)
