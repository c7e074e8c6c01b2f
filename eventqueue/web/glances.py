"""Everything at a glance, as the overview and the queues show it: now, found out once for all tabs; or as it was."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from eventqueue.api.queue import Queue
from eventqueue.api.then import Then
from eventqueue.model.job import Job, State
from eventqueue.model.pause import Pause
from eventqueue.model.progress import Progress
from eventqueue.model.waits import Wait
from eventqueue.ports.views import Counts, Lag, QueueStats, Standstill, Stats, Worker
from eventqueue.web.asked import Asked

WINDOW = timedelta(minutes=5)
FAILURES = 10


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A queue in a list. `due`: jobs that wait though they are due; of a time that is past, all that are pending.

    `oldest`: since how many seconds the first of them is; None: none is, or that is not known.
    """

    name: str
    counts: Counts
    due: int
    oldest: float | None
    stats: QueueStats | None
    pause: Pause | None
    still: Standstill | None
    unread: str | None  # of its pauses

    @property
    def running(self) -> int:
        """Jobs that run."""
        return self.counts.get(State.PROCESSING, 0)


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that there is to see at once; `applied`: the events of the log that all of it is true at."""

    at: datetime
    queues: Mapping[str, Counts]
    due: Mapping[str, int]
    paused: Mapping[str, Pause]
    stats: Stats
    workers: Sequence[tuple[Worker, Sequence[str]]]  # each with the ids of what it runs
    jobs: Mapping[str, Job] = {}  # those that run, by id; nothing of a time that is past
    progress: Mapping[str, Progress] = {}  # of these, by id
    failures: Sequence[Job]
    waits: Mapping[str, Wait] = {}  # of these, by id
    still: Sequence[Standstill]
    unread: Mapping[str, str]  # by queue: what cannot be read of its pauses
    lag: Lag | None = None
    applied: int | None = None

    def count(self, state: State) -> int:
        """Return how many jobs of all queues are in a state."""
        return sum(counts.get(state, 0) for counts in self.queues.values())

    @property
    def slots(self) -> int:
        """Of all workers."""
        return sum(worker.concurrency for worker, _ in self.workers)

    @property
    def busy(self) -> int:
        """Slots in which a job runs."""
        return sum(len(jobs) for _, jobs in self.workers)

    @property
    def oldest(self) -> float | None:
        """For how many seconds the first job is due of those that could be claimed: none of a paused queue is."""
        ages = (one.oldest_pending for name, one in self.stats.queues.items() if name not in self.paused)
        return max((age for age in ages if age is not None), default=None)

    def rows(self) -> Iterator[Row]:
        """Yield all queues."""
        still = {one.queue: one for one in self.still}
        for name in {*self.queues, *self.paused, *self.unread}:
            stats = self.stats.queues.get(name)
            yield Row(
                name=name,
                counts=self.queues.get(name, {}),
                due=self.due.get(name, 0),
                oldest=None if stats is None else stats.oldest_pending,
                stats=stats,
                pause=self.paused.get(name),
                still=still.get(name),
                unread=self.unread.get(name),
            )


def glance(asked: Asked) -> Moment:
    """Return what there is to see at the moment that is looked at."""
    if asked.then is not None:
        return _then(asked.then)
    views = asked.queue.connection.views
    if views.applied() is None:
        views.refresh()  # whoever looks first has the views built
    return asked.once("glance", lambda: _now(asked.queue))


def by_load(row: Row) -> tuple[int, int, float, str]:
    """Order queues by how much waits in them, then by how much runs and comes."""
    coming = 0.0 if row.stats is None else row.stats.in_per_minute
    return -row.due, -row.running, -coming, row.name


def by_latency(row: Row) -> tuple[float | int | str, ...]:
    """Order queues by for how long their first job is due, then by load."""
    return -(row.oldest or 0.0), *by_load(row)


def _now(queue: Queue) -> Moment:
    found = queue.glance(WINDOW, FAILURES)
    return Moment(
        at=found.at,
        queues=found.queues,
        due={name: found.due(name) for name in found.queues},
        paused=found.paused,
        stats=found.stats,
        workers=[(worker, [job.id for job in jobs]) for worker, jobs in found.workers],
        jobs={job.id: job for _, jobs in found.workers for job in jobs},
        progress=found.progress,
        failures=found.failures,
        waits=found.waits,
        still=queue.standstills(),
        unread=found.unread,
        lag=found.lag,
        applied=found.applied,
    )


def _then(then: Then) -> Moment:
    found = then.status()
    return Moment(
        at=then.moment,
        queues=found.queues,
        due={name: counts.get(State.PENDING, 0) for name, counts in found.queues.items()},
        paused=found.paused,
        stats=then.stats(WINDOW),
        workers=[(worker, worker.running) for worker in then.workers()],
        failures=(),  # to look for the last of then may be to read all of the log that there was
        still=(),
        unread=found.unread,
    )
