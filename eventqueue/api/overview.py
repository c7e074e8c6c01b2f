"""What there is to see at a glance: queues, workers and what they run, what happened lately. Queue shows it to callers.

Each answer is put together from the views, the pauses in the log and the workers' documents.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from eventqueue.api.connected import Connected
from eventqueue.api.untaken import heads_of, untaken
from eventqueue.audit.standstill import Crew, known, served, standstills, unmet
from eventqueue.errors import Unavailable
from eventqueue.model.events import Call
from eventqueue.model.job import Job, State
from eventqueue.model.pause import Pause
from eventqueue.model.progress import Progress
from eventqueue.model.waits import Wait, wait_of
from eventqueue.mongo.incarnations import Registration
from eventqueue.mongo.patience import answered_within
from eventqueue.ports.views import (
    LATER_MAX,
    SCHEDULED_MAX,
    Filter,
    Glance,
    Lag,
    Metrics,
    QueueMetrics,
    QueueStatus,
    Standing,
    Standstill,
    Status,
    Worker,
)
from eventqueue.steering.pauses import Pauses

LAG_S = 2.0  # to tell how far the views are behind: what has come since they moved is looked through for that
TASKS_MAX = 10  # queues of which it is seen whether their jobs are of tasks that nobody knows


class Overview:
    """The overview of one connection's database."""

    def __init__(self, connection: Connected) -> None:
        self._connection = connection
        self._views = connection.views
        self._log = connection.ground.log

    def status(self) -> Status:
        """See Queue.status."""
        lag = self._views.refresh()
        pauses, workers = Pauses(self._log), self.crew()
        paused = pauses.all()
        return Status(
            queues=self._views.counts(),
            paused=paused,
            still=self._standstills(paused, workers),
            workers=[_running(one, jobs) for one, jobs in workers],
            lag=lag,
            scheduled=self._views.scheduled(SCHEDULED_MAX),
            unread=pauses.problems,
        )

    def standstills(self) -> Sequence[Standstill]:
        """See Queue.standstills."""
        return self._standstills(Pauses(self._log).all(), self.crew())

    def _standstills(self, paused: Mapping[str, Pause], workers: Crew) -> Sequence[Standstill]:
        due, now = self._views.due_since(), self._connection.ground.clock.now()
        found = standstills(due, paused, workers, self._views.moving, now)
        there = [worker for worker, _ in workers]
        # Of few: the jobs of each are read, and whoever looks at the screen does so again and again.
        return [self._with_tasks(one, there) if place < TASKS_MAX else one for place, one in enumerate(found)]

    def _with_tasks(self, found: Standstill, workers: Sequence[Worker]) -> Standstill:
        """Say of a queue with slots that are free whether its jobs are of tasks that nobody knows there."""
        heads = heads_of(self._connection, found.queue) if found.kind is Standing.FREE else ()
        unknown = untaken(heads, found.queue, workers)
        if not unknown or len(unknown) < len(heads):
            return found
        return unmet(found, {job.run.task for job in unknown if isinstance(job.run, Call)})

    def queues(self) -> Sequence[QueueStatus]:
        """See Queue.queues."""
        self._views.refresh()
        counts, paused = self._views.counts(), Pauses(self._log).all()
        later = self._views.scheduled(SCHEDULED_MAX)
        return [
            QueueStatus(name, counts.get(name, {}), paused.get(name), None if later is None else later.get(name, 0))
            for name in sorted({*counts, *paused})
        ]

    def names(self) -> Sequence[str]:
        """Return the names of the queues, as `queues` has them, and look at no job for it."""
        self._views.refresh()
        return sorted({*self._views.counts(), *Pauses(self._log).all()})

    def glance(self, window: timedelta, failures: int) -> Glance:
        """See Queue.glance."""
        applied = self._views.applied()  # before all else: no event of these is missing in what is read after it
        failed = [job for state in (State.FAILED, State.DEAD) for job in self._views.jobs(_latest(state, failures))]
        failed = sorted(failed, key=lambda job: job.updated_at, reverse=True)[:failures]
        now, pauses, crew = self._connection.ground.clock.now(), Pauses(self._log), self.crew()
        paused = pauses.all()
        workers = [(_running(one, jobs), jobs) for one, jobs in crew]
        return Glance(
            at=now,
            lag=self._lag(),
            queues=self._views.counts(),
            paused=paused,
            stats=self._views.stats(window),
            workers=workers,
            failures=failed,
            progress=self.progress([job for _, jobs in crew for job in jobs]),
            waits=_waits(failed, now, paused, [one for one, _ in crew], self._views.parked()),
            later=self._views.count_later(LATER_MAX),
            applied=applied,
            unread=pauses.problems,
        )

    def metrics(self) -> Metrics:
        """See Queue.metrics."""
        totals = self._views.totals()
        counts, due = (self._views.counts(), self._views.due_since()) if totals else ({}, {})
        now, paused = self._connection.ground.clock.now(), Pauses(self._log).all()
        live = self._connection.incarnations.live()
        held = self._connection.finder.held_by([one.worker.id for one in live]) if live and totals else {}
        return Metrics(
            at=now,
            lag=self._lag(),
            queues={
                name: QueueMetrics(
                    counts=counts.get(name, {}),
                    is_paused=name in paused,
                    oldest_due=max(0.0, (now - due[name]).total_seconds()) if name in due else None,
                    totals=totals[name],
                )
                for name in sorted(totals)
            },
            workers=len(live),
            slots=sum(one.worker.concurrency for one in live),
            busy=sum(map(len, held.values())),
        )

    def _lag(self) -> Lag:
        """Return how far the views are behind, unknown where that takes too long to tell: the rest can be shown."""
        try:
            with answered_within(LAG_S):
                return self._views.lag()
        except Unavailable:
            return Lag(None)

    def workers(self) -> Sequence[Worker]:
        """See Queue.workers."""
        return [_running(one, jobs) for one, jobs in self.crew()]

    def crew(self) -> Crew:
        """Return the live workers, each with the jobs that the view shows it running."""
        live = self.live_workers()
        held = self._connection.finder.held_by([one.id for one in live]) if live else {}
        return [(one, held[one.id]) for one in live]

    def waits(self, jobs: Sequence[Job]) -> Mapping[str, Wait]:
        """See Queue.waits."""
        waiting = [job for job in jobs if job.due_at is not None]
        if not waiting:
            return {}
        paused = Pauses(self._log).among({job.queue for job in waiting})
        now, parked = self._connection.ground.clock.now(), self._views.parked()
        return _waits(waiting, now, paused, self.live_workers(), parked)

    def progress(self, jobs: Sequence[Job]) -> Mapping[str, Progress]:
        """See Queue.progress."""
        running = [(job.id, job.claim) for job in jobs if job.claim is not None and isinstance(job.run, Call)]
        return self._connection.progresses.get(running) if running else {}

    def live_workers(self) -> Sequence[Worker]:
        """Return the live workers without what they run: no view is asked, so they can be stopped without any."""
        return [shown(one) for one in self._connection.incarnations.live(with_tasks=True)]


def _running(worker: Worker, jobs: Sequence[Job]) -> Worker:
    return replace(worker, running=tuple(job.id for job in jobs))


def shown(one: Registration) -> Worker:
    """Return a worker as it is registered, without what it runs."""
    return Worker(
        id=one.worker.id,
        name=one.worker.name,
        host=one.worker.host,
        pid=one.worker.pid,
        queues=one.worker.queues,
        concurrency=one.worker.concurrency,
        started_at=one.started_at,
        renewed_at=one.renewed_at,
        stop_by=one.stop_by,
        by=one.worker.by,
        tasks=one.worker.tasks,
    )


def _waits(
    jobs: Sequence[Job],
    now: datetime,
    paused: Mapping[str, Pause],
    workers: Sequence[Worker],
    parked: Mapping[str, str],
) -> Mapping[str, Wait]:
    by = served(workers)
    tasks = {queue: known(workers, queue) for queue in {job.queue for job in jobs if isinstance(job.run, Call)}}
    found = {job.id: wait_of(job, now, paused, by, parked, tasks=tasks.get(job.queue)) for job in jobs}
    return {job_id: wait for job_id, wait in found.items() if wait is not None}


def _latest(state: State, limit: int) -> Filter:
    return Filter(state=state, limit=limit)
