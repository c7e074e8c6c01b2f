"""The views of a log in memory: whatever is asked is worked out anew from all jobs."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any, NoReturn

from eventqueue.audit.fitting import trait_of
from eventqueue.errors import Refused
from eventqueue.model.events import Claimed, Completed, Event, Failed, category_of, name_in
from eventqueue.model.job import Job, State
from eventqueue.ports.footing import Clock
from eventqueue.ports.views import ENDS_MAX, Ahead, Building, Counted, Counts, Failure, Filter, Lag, Stats, Trait
from eventqueue.steering.pauses import Pauses
from eventqueue.testing.listing import listed
from eventqueue.testing.log import TakenLog
from eventqueue.testing.shown import Shown

MINUTE = timedelta(minutes=1)
MOVES: tuple[type[Event], ...] = (Claimed, Completed, Failed)


NO_STATS = "A TestQueue counts nothing over time: ask for stats on a database, as `mongo_queue` has one."


def _building() -> AbstractContextManager[Callable[[int], object]]:
    return nullcontext(lambda _: None)


class MemoryViews:
    """See eventqueue.ports.views.Views."""

    def __init__(self, shown: Shown, log: TakenLog, clock: Clock) -> None:
        self.building: Building = _building
        self._shown = shown
        self._log = log
        self._clock = clock
        self._pauses = Pauses(log)

    def refresh(self) -> Lag:
        """See Views.refresh."""
        return self.lag()

    def lag(self) -> Lag:
        """See Views.lag."""
        return Lag(0.0)

    def applied(self) -> int:
        """See Views.applied."""
        return len(self._log.taken)

    def jobs(self, filter_: Filter, *, is_brief: bool = False) -> Iterator[Job]:  # noqa: ARG002 - the port's
        """See Views.jobs: they are whole in any case."""
        return iter(listed(self._shown.jobs().values(), filter_))

    def ids(self, filter_: Filter) -> Iterator[str]:
        """See Views.ids."""
        return (job.id for job in self.jobs(filter_))

    def ending(self, end: str, most: int) -> Sequence[str]:
        """See Views.ending."""
        return [one for one in self.ids(Filter(limit=ENDS_MAX)) if one.endswith(end)][:most]

    def failures(self, filter_: Filter) -> Iterator[Failure]:
        """See Views.failures."""
        for job in self.jobs(filter_):
            if job.last_error is not None:
                yield Failure(job.id, job.queue, job.updated_at, job.last_error.told)

    def traits(self, filter_: Filter, by: str) -> Iterator[Trait]:  # noqa: ARG002 - the port's
        """See Views.traits: they have all in any case."""
        return (trait_of(job, filter_) for job in self.jobs(filter_))

    def counts(self) -> Mapping[str, Counts]:
        """See Views.counts."""
        counts: dict[str, Counter[State]] = {}
        for job in self._shown.jobs().values():
            counts.setdefault(job.queue, Counter())[job.state] += 1
        return counts

    def counted_near(self, moment: datetime) -> Counted | None:  # noqa: ARG002 - the port's
        """See Views.counted_near: there are no counters."""
        return None

    def stats(self, window: timedelta, until: datetime | None = None) -> Stats:  # noqa: ARG002 - the port's
        """Raise Refused: nothing is counted over time here."""
        raise Refused(NO_STATS)

    def rates(self, window: timedelta, until: datetime | None = None, queue: str | None = None) -> NoReturn:  # noqa: ARG002 - the port's
        """Raise Refused, as `stats`."""
        raise Refused(NO_STATS)

    def totals(self) -> NoReturn:
        """Raise Refused, as `stats`."""
        raise Refused(NO_STATS)

    def due_since(self) -> Mapping[str, datetime]:
        """See Views.due_since."""
        found: dict[str, datetime] = {}
        for job in self._due():
            assert job.due_at is not None
            found[job.queue] = min(found.get(job.queue, job.due_at), job.due_at)
        return found

    def count_due(self, most: int) -> int:
        """See Views.count_due."""
        return min(most, len(self._ready()))

    def count_later(self, most: int) -> Mapping[str, int]:
        """See Views.count_later."""
        now = self._clock.now()
        later = [job for job in self._shown.waiting() if job.due_at is not None and job.due_at > now]
        return Counter(job.queue for job in later[:most])

    def scheduled(self, most: int) -> Mapping[str, int] | None:
        """See Views.scheduled."""
        now = self._clock.now()
        later = [job for job in self._shown.waiting() if job.due_at is not None and job.due_at > now]
        return None if len(later) > most else Counter(job.queue for job in later if job.state is State.PENDING)

    def ahead(self, job: Job, most: int, *, is_everywhere: bool) -> Ahead:
        """See Views.ahead."""
        of = [one for one in self._ready() if is_everywhere or one.queue == job.queue]
        by_priority = sum(one.priority > job.priority for one in of)
        by_age = sum(one.priority == job.priority and _turn(one) < _turn(job) for one in of)
        return Ahead(
            by_priority=min(by_priority, most),
            by_age=min(by_age, max(0, most - by_priority)),
            is_all=by_priority + by_age <= most,
            is_everywhere=is_everywhere,
        )

    def last_claimed(self, queue: str) -> datetime | None:
        """See Views.last_claimed."""
        return max((at for of, kind, at in self._moves() if of == queue and kind is Claimed), default=None)

    def moving(self, queues: Collection[str]) -> Collection[str]:
        """See Views.moving."""
        now = self._clock.now()
        since = now.replace(second=0, microsecond=0) - MINUTE
        return {of for of, _, at in self._moves() if of in queues and at >= since}

    def get(self, job_id: str) -> Job | None:
        """See Views.get."""
        return self._shown.jobs().get(job_id)

    def parked(self) -> Mapping[str, str]:
        """See Views.parked: no view stands still."""
        return {}

    def snapshot(self) -> Mapping[str, Any]:
        """See Views.snapshot."""
        return {"holder": None, "generation": None, "applied": len(self._log.taken), "parked": []}

    def _due(self) -> list[Job]:
        now = self._clock.now()
        return [job for job in self._shown.waiting() if job.due_at is not None and job.due_at <= now]

    def _ready(self) -> list[Job]:
        due = self._due()
        paused = self._pauses.among({job.queue for job in due})
        return [job for job in due if job.queue not in paused]

    def _moves(self) -> Iterator[tuple[str, type[Event], datetime]]:
        """Yield what workers did: in which queue, what it was, and when."""
        jobs = self._shown.jobs()
        for one in self._log.taken:
            if category_of(one.stream) == "job" and isinstance(one.event, MOVES):
                yield jobs[name_in(one.stream)].queue, type(one.event), one.at


def _turn(job: Job) -> tuple[datetime, int, str]:
    assert job.due_at is not None
    return job.due_at, job.nth, job.id
