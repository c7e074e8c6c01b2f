"""What people read from the views, as a protocol, and the values that come back.

A view that is behind says so: every answer comes with its lag, and unknown is not zero.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Protocol, TypedDict

import msgspec
from msgspec import Meta

from eventqueue.model.events import Run
from eventqueue.model.job import Job, State
from eventqueue.model.pause import Pause
from eventqueue.model.progress import Progress
from eventqueue.model.waits import Wait

TOLD_MAX = 1000  # parked jobs and unknown events that are told: where there are so many there may be more
LATER_MAX = 5_000  # jobs that wait for their time and are counted at a glance
WAITING = (State.PENDING, State.FAILED)  # for a worker, or for a time
MISSING_MAX = 1_000_000  # events that are counted as missing in a view, likewise


class Lag(msgspec.Struct, frozen=True):
    """How far the views are behind the log: `seconds` is the age of the first event not applied; None: unknown."""

    seconds: float | None

    @property
    def is_fresh(self) -> bool:
        """Whether every event of the log was in the views when it was measured."""
        return self.seconds == 0


Time = Annotated[datetime, Meta(tz=True)]
Rank = Annotated[int, Meta(ge=-(2**32), le=2**32)]


QUEUES_MAX = 30  # of one filter: what the database goes through side by side in order is so much, and no more


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs to list, newest first: by `created_at`, or, of failed, dead and cancelled ones, by `updated_at`.

    All that is given must hold. `audit/filters.py` has the same as a text, `audit/fitting.py` what each
    condition means.
    """

    state: State | None = None
    state_in: Annotated[tuple[State, ...], Meta(max_length=len(State))] = ()  # any of them
    queue: str | None = None
    queue_in: Annotated[tuple[str, ...], Meta(max_length=QUEUES_MAX)] = ()  # any of them
    tag: str | None = None
    tags: tuple[str, ...] = ()  # all of them
    task: str | None = None  # by the name that the job was enqueued with
    command: str | None = None  # a part of the command line, without case
    since: Time | None = None  # since and until: of the time that it is listed by
    until: Time | None = None
    created_since: Time | None = None
    created_until: Time | None = None
    ended_since: Time | None = None  # completed, dead or cancelled since
    ended_until: Time | None = None
    due_before: Time | None = None  # waits, and is due by then
    due_after: Time | None = None  # waits, and is due later than that
    error: str | None = (
        None  # a part of the last error as it is told, with its type if it is an exception; without case
    )
    fingerprint: str | None = None  # of it as it is told, see model/fingerprint.py
    meta: dict[str, str] = {}  # by name: a text that is its value, or its value as JSON
    key: str | None = None
    group: str | None = None
    restart_of: str | None = None  # the job that it takes up, by its whole id
    worker: str | None = None  # that runs it: what its id begins with
    priority_min: Rank | None = None
    priority_max: Rank | None = None
    after: str | None = None  # those that are listed after this job
    limit: Annotated[int, Meta(ge=1, lt=2**31)] | None = 50
    scan: bool = False  # look at however many jobs that do not fit; else at VAIN_MAX of them

    @property
    def any_state(self) -> tuple[State, ...]:
        """The states of which a job must be in one; nothing: in whatever."""
        return self.state_in if self.state is None else (self.state,)

    @property
    def any_queue(self) -> tuple[str, ...]:
        """The queues of which a job must be in one; nothing: in whatever."""
        return self.queue_in if self.queue is None else (self.queue,)

    @property
    def every_tag(self) -> tuple[str, ...]:
        """The tags that a job must have."""
        return tuple(dict.fromkeys(self.tags if self.tag is None else (self.tag, *self.tags)))


ENDS_MAX = 20_000  # jobs that are looked at for one whose id ends so
SCHEDULED_MAX = 10_000  # jobs that wait for their time and are looked at, to tell how many there are
VAIN_MAX = 100_000  # jobs that do not fit and are looked at before one who asks is told that it is a scan


class FilterFields(TypedDict, total=False):
    """The fields of a Filter, as keywords of a call."""

    state: State | None
    state_in: tuple[State, ...]
    queue: str | None
    queue_in: tuple[str, ...]
    tag: str | None
    tags: tuple[str, ...]
    task: str | None
    command: str | None
    since: datetime | None
    until: datetime | None
    created_since: datetime | None
    created_until: datetime | None
    ended_since: datetime | None
    ended_until: datetime | None
    due_before: datetime | None
    due_after: datetime | None
    error: str | None
    fingerprint: str | None
    meta: dict[str, str]
    key: str | None
    group: str | None
    restart_of: str | None
    worker: str | None
    priority_min: int | None
    priority_max: int | None
    after: str | None
    limit: int | None
    scan: bool


class Listing(msgspec.Struct, frozen=True):
    """Jobs from the view, which it is a sequence of, and how far the view was behind when they were read."""

    jobs: Sequence[Job]
    lag: Lag

    def __iter__(self) -> Iterator[Job]:
        return iter(self.jobs)

    def __len__(self) -> int:
        return len(self.jobs)

    def __getitem__(self, place: int) -> Job:
        return self.jobs[place]


class Walk(msgspec.Struct, frozen=True):
    """Jobs as they come from the view, some at a time, and how far it was behind when the first were asked for."""

    jobs: Iterator[Job]
    lag: Lag

    def __iter__(self) -> Iterator[Job]:
        return self.jobs


class Failure(msgspec.Struct, frozen=True):
    """A job that failed, or one of its attempts: when, and its error as it is told."""

    job: str
    queue: str
    at: datetime
    message: str


ANY = "any"  # of what jobs are counted by


class Trait(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What a job is counted by: as much of it as was asked for, and of all else nothing."""

    state: State | None = None
    queue: str | None = None
    task: str | None = None
    tags: tuple[str, ...] = ()
    message: str | None = None  # its last error, as it is told
    at: datetime | None = None  # by what it is listed


class Found(msgspec.Struct, frozen=True):
    """The ids of jobs, and how far the view that they are from was behind.

    `wanted`: by what they were found, of which each fits one; `running`: how many of them ran, as the view has it;
    `named`: the states of which any was asked for, where these were several.
    """

    ids: Sequence[str]
    lag: Lag
    wanted: tuple[Filter, ...] = ()
    running: int = 0
    named: tuple[State, ...] = ()

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, place: int) -> str:
        return self.ids[place]


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A worker incarnation that lives, or lived then, and the ids of the jobs that it is shown running."""

    id: str
    name: str
    host: str
    pid: int
    queues: tuple[str, ...]
    concurrency: int
    started_at: datetime
    renewed_at: datetime | None  # None: of a time that is past, of which that is not kept
    stop_by: datetime | None = None  # asked to stop: it claims nothing more, and what it runs then is handed back
    running: tuple[str, ...] = ()
    by: str | None = None  # as whom it was started; None: one of before that was told
    tasks: tuple[str, ...] = ()  # the Python tasks that it knows, by all their names


class Ending(StrEnum):
    """What became of a worker."""

    LEFT = "left"  # in order, holding nothing
    LOST = "lost"  # it was buried: seen dead by its like, or silent for longer than its lease
    SILENT = "silent"  # its lease is over, and nobody has buried it yet


class Held(msgspec.Struct, frozen=True):
    """A job that a worker held when it was lost, and the state that it is in since; None: of that nothing is shown."""

    job: str
    state: State | None = None


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """A worker that was: what became of it, what it held, and who took its place.

    `at`: when it left or was buried, None of one that is silent, which `worker.renewed_at` tells since when.
    `told_by`: who told of its end; `asked_by` and `why`: who asked it to stop before. `held`: the first of
    `held_number` jobs.
    `successor`: the next worker that started under its name on its host.
    """

    worker: Worker
    ending: Ending
    at: datetime | None = None
    told_by: str | None = None
    seen_dead: bool = False
    asked_by: str | None = None
    why: str | None = None
    held: tuple[Held, ...] = ()
    held_number: int = 0
    successor: str | None = None


class WorkerRun(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that a worker made: the version of its claim, and the job's queue and what it ran, as they were then.

    `ending`: the type of the event that ended it, None where it runs; `exit_code` and `error` as that has them. What
    cannot be read is None, but for an ending, which is `unreadable`.
    """

    job: str
    claim: int
    attempt: int | None
    queue: str | None
    run: Run | None
    began_at: datetime | None
    ending: str | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    error: str | None = None

    @property
    def lasted(self) -> timedelta | None:
        """How long it took, None where it runs."""
        return None if self.began_at is None or self.ended_at is None else self.ended_at - self.began_at


class WorkerRuns(msgspec.Struct, frozen=True):
    """Attempts of a worker, the last first; `older`: from where on those before them are, None: these are all.

    `looked`: at so many events of the log, and there are older ones, where these are fewer than were asked for; else
    None.
    """

    runs: Sequence[WorkerRun]
    older: str | None
    looked: int | None = None

    def __iter__(self) -> Iterator[WorkerRun]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)


Counts = Mapping[State, int]


class Counted(msgspec.Struct, frozen=True):
    """How many jobs of each queue were in which state once the log had taken all that it took before `edge`."""

    edge: datetime
    queues: Mapping[str, Counts]
    parked: Mapping[str, int] = {}  # jobs whose view stands still, each after so many events: none further is counted


class Ahead(msgspec.Struct, frozen=True):
    """How many jobs are claimed before one: of a higher priority, and of the same but due for longer.

    `is_all`: False where there are more than were counted. `is_everywhere`: of all queues, not of the job's own alone.
    """

    by_priority: int
    by_age: int
    is_all: bool
    is_everywhere: bool = False


class QueueStatus(msgspec.Struct, frozen=True):
    """One queue: its jobs by state, its pause if it is paused, and how many of the pending ones are due later.

    `scheduled`: None where that is not known.
    """

    name: str
    counts: Counts
    pause: Pause | None
    scheduled: int | None = None


class Standing(StrEnum):
    """Why a queue does not move."""

    UNSERVED = "unserved"  # no worker serves it
    BUSY = "busy"  # all slots that serve it are
    UNKNOWN = "unknown"  # no worker that serves it knows the tasks of its jobs
    FREE = "free"  # some are not, and yet nothing of it is claimed


class Standstill(msgspec.Struct, frozen=True, kw_only=True):
    """A queue that does not move though it has jobs that are due, the first of them since `due_since`."""

    queue: str
    kind: Standing
    due_since: datetime
    text: str  # why, as a sentence without its full stop


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of jobs by queue and state, the queues that are paused or do not move, live workers, the views' lag.

    `scheduled`: how many of the pending jobs of each queue are due later; None where that is not known. `unread`: what
    cannot be read of how queues stand, a sentence each.
    """

    queues: Mapping[str, Counts]
    paused: Mapping[str, Pause]
    still: Sequence[Standstill]
    workers: Sequence[Worker]
    lag: Lag
    scheduled: Mapping[str, int] | None = None
    unread: Mapping[str, str] = {}

    def count(self, state: State) -> int:
        """Return how many jobs of all queues are in `state`."""
        return sum(counts.get(state, 0) for counts in self.queues.values())


class Spread(msgspec.Struct, frozen=True):
    """How long half of all lasted at most, 95 and 99 of a hundred, in seconds; off by 4 % at most."""

    p50: float
    p95: float
    p99: float


class QueueStats(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in one queue, or in all, in a span of time; None where nothing did that could be measured."""

    enqueued: int
    completed: int
    failed: int  # attempts
    dead: int
    cancelled: int
    retried: int
    late: int  # results that came after their claim had ended
    in_per_minute: float  # jobs enqueued
    out_per_minute: float  # jobs that ended: completed, dead or cancelled
    failure_ratio: float | None  # of the attempts that ended
    wait: Spread | None  # from due to claimed
    run: Spread | None  # from claimed to settled
    oldest_pending: float | None  # seconds since the job was due that waits longest


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """What happened from `since` to `until`, in all queues and in each."""

    since: datetime
    until: datetime
    total: QueueStats
    queues: Mapping[str, QueueStats]


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """How much happened from `since` to `until`, a part of a window."""

    since: datetime
    until: datetime
    enqueued: int
    completed: int
    failed: int  # attempts
    dead: int
    cancelled: int

    @property
    def seconds(self) -> float:
        """How long it was."""
        return (self.until - self.since).total_seconds()


class Durations(msgspec.Struct, frozen=True, kw_only=True):
    """How many lasted how long: `buckets` say of so many seconds how many lasted no longer; `seconds`: their sum, off
    by 4 % at most.
    """

    buckets: tuple[tuple[float, int], ...]
    count: int
    seconds: float


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in a queue since its first job: none of it ever goes down."""

    enqueued: int
    completed: int
    failed: int  # attempts
    rescued: int  # of these, those whose worker was lost
    dead: int
    cancelled: int
    retried: int  # after a backoff
    retried_by_operator: int
    late: int  # results that came after their claim had ended
    wait: Durations  # from due to claimed
    run: Durations  # from claimed to settled


class QueueMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """A queue for a monitoring system; `oldest_due`: since how many seconds a job is due, None where none waits."""

    counts: Counts
    is_paused: bool
    oldest_due: float | None
    totals: Totals


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one moment for a monitoring system, as the views show it; without views there is no queue."""

    at: datetime
    lag: Lag
    queues: Mapping[str, QueueMetrics]
    workers: int  # that live
    slots: int  # of these
    busy: int  # slots that run a job


class Difference(msgspec.Struct, frozen=True):
    """Something that a view has and the fold of the log has not, or the other way round.

    `where` is a job's id, or a counter's key and name. `expected` and `found`: what the log makes of it, and what the
    view has. `is_lost`: the view shows what the log does not have, so nothing may be built anew from that.
    """

    projection: str
    where: str
    problem: str
    expected: str | None = None
    found: str | None = None
    is_lost: bool = False


class ParkedJob(msgspec.Struct, frozen=True):
    """A job whose view stands still, since a projection could not go on with it."""

    job: str
    projection: str
    problem: str


class Activity(StrEnum):
    """What becomes of a projection at the moment."""

    CAUGHT_UP = "caught up"  # every event of the log is in it
    AT_WORK = "at work"  # somebody applies what is missing
    STALLED = "stalled"  # somebody should, and does not
    UNATTENDED = "nobody at work"  # events are missing, and no projector is running
    UNKNOWN = "unknown"  # how far it is behind cannot be told
    BUILDING = "being built"  # beside the live one, from the log


class ViewHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One projection's view as it stands; None is unknown, never zero."""

    name: str
    version: int
    generation: int
    activity: Activity
    holder: str | None = None  # the projector at work
    applied: int | None = None  # events, over the life of the generation
    rate: float | None = None  # events a second, as its holder last told
    lag: Lag = Lag(None)
    lag_events: int | None = None  # up to MISSING_MAX
    caught_up_at: datetime | None = None  # it held every event of the log up to then
    parked: tuple[ParkedJob, ...] = ()  # TOLD_MAX of all projections at most
    skipped: int = 0  # events of no stream known here, up to TOLD_MAX: a newer eventqueue's, perhaps
    skipped_first: str | None = None  # where one of them stands
    note: str | None = None  # what an operator should know


Counters = Sequence[tuple[Sequence[str | int], Mapping[str, int]]]
"""A projection's counters: each key with the names and amounts under it."""


class Trial(msgspec.Struct, frozen=True):
    """What a projection counted of old events, of how many that were gone through; nothing was written.

    `refused`: jobs that it could not go on with, as many as are told of `refused_number`.
    """

    counters: Counters
    applied: int
    refused: Sequence[ParkedJob]
    refused_number: int


class Operator(Protocol):
    """What an operator does with the views: look how they are kept, build them anew, prove them, let jobs go on."""

    def projections(self) -> Sequence[ViewHealth]:
        """Return each projection's view as it stands, waiting for nothing."""
        ...

    def counters(self, name: str, *prefix: str | int) -> Counters:
        """Return the counters of a projection whose keys begin with `prefix`, in their order.

        Raises Refused if there is no such projection.
        """
        ...

    def rebuild(
        self,
        name: str | None,
        progress: Callable[[int], object],
        without: Collection[str] = (),
        why: str | None = None,
    ) -> int:
        """Build all views anew from the log beside the live ones, switch to them and return their generation's number.

        `name`: the projection that is meant; the others are built with it, since views are whole. `progress` is told
        how many events are in the new views; `without`: projections that the live views have and the new ones shall
        not; `why`: the reason that the log tells. Raises Refused where this process lacks another, or `name`; Fenced
        while another builds.
        """
        ...

    def retry(self, name: str, job_id: str, why: str | None = None) -> ParkedJob | None:
        """Let a parked job go on with all that the log has of it; return why it stands still again, if it does.

        Raises Refused if it is not parked by the projection `name`.
        """
        ...

    def verify(self, name: str | None, count: int | None, progress: Callable[[int], object]) -> Iterator[Difference]:
        """Fold the log afresh and yield each difference to the live views, of projection `name` or of all.

        `count`: of so many jobs only, picked at random, and without the counters. `progress` is told the events read
        (with `count` the jobs).
        """
        ...

    def log_size(self) -> int:
        """Return about how many events the log holds, to measure progress against."""
        ...


class Glance(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that happens, as the views show it at one moment."""

    at: datetime
    lag: Lag
    queues: Mapping[str, Counts]
    paused: Mapping[str, Pause]
    stats: Stats
    workers: Sequence[tuple[Worker, Sequence[Job]]]  # each with the jobs that it runs
    failures: Sequence[Job]  # failed or dead, the latest first
    progress: Mapping[str, Progress]  # by id: how far those of the jobs that run are that say so
    waits: Mapping[str, Wait]  # by id: what those of the failures wait for that are to be tried again
    later: Mapping[str, int]  # by queue: how many wait for a time that is to come, LATER_MAX of all queues at most
    applied: int | None = None  # events of the log, all of which are in what is shown; None: there are no views
    unread: Mapping[str, str] = {}  # by queue: what cannot be read of how it stands, a sentence

    def due(self, queue: str) -> int:
        """Return how many jobs of a queue wait though they are due: its backlog, with what is paused."""
        counts = self.queues.get(queue, {})
        return max(0, sum(counts.get(state, 0) for state in WAITING) - self.later.get(queue, 0))


HELD_FOR_NOTHING = "is held back from workers, though nobody has paused its queue: who projects lets it go"


Building = Callable[[], AbstractContextManager[Callable[[int], object]]]
"""Entered while views are built; yields what to tell how many events are in them."""


class Views(Protocol):
    """The views as people read them. Reads first wait for a projector that is on its way, or catch up themselves."""

    building: Building

    def refresh(self) -> Lag:
        """Bring the views to the end of the log if that can be had in seconds; return what lag remains."""
        ...

    def lag(self) -> Lag:
        """Return the lag as it is, waiting for nothing."""
        ...

    def applied(self) -> int | None:
        """Return how many events of the log are in the views, None where there are none."""
        ...

    def jobs(self, filter_: Filter, *, is_brief: bool = False) -> Iterator[Job]:
        """Yield the jobs that `filter_` lets through, read some at a time.

        `is_brief`: perhaps without what tasks returned, what jobs wrote, and tracebacks, which may be large.
        """
        ...

    def ids(self, filter_: Filter) -> Iterator[str]:
        """Yield the ids of the jobs that `jobs` would yield, in its order."""
        ...

    def ending(self, end: str, most: int) -> Sequence[str]:
        """Return up to `most` ids that end so, of the newest ENDS_MAX jobs; none where there are no views."""
        ...

    def failures(self, filter_: Filter) -> Iterator[Failure]:
        """As `jobs`, but of each only what is told of a failure."""
        ...

    def traits(self, filter_: Filter, by: str) -> Iterator[Trait]:
        """As `jobs`, but of each only what it is counted by: `by` is one of `audit.tally.By`, or ANY of these."""
        ...

    def counts(self) -> Mapping[str, Counts]:
        """Return the number of jobs by queue and state, from counters: no job is scanned."""
        ...

    def counted_near(self, moment: datetime) -> Counted | None:
        """Return what the counters tell of a time as near to `moment` as they can; None where there are none.

        No event that was taken before that time is missing, however far the views are behind.
        """
        ...

    def stats(self, window: timedelta, until: datetime | None = None) -> Stats:
        """Return what happened in the last `window`, from counters: no job is scanned; or in one that ended at `until`.

        Counters of old hours and days are not cut where it begins. Where it ends the log tells the rest, or, where that
        is long, it ends with what is counted before: the answer says from when to when it is.
        """
        ...

    def rates(self, window: timedelta, until: datetime | None = None, queue: str | None = None) -> Sequence[Rate]:
        """Return what happened in each part of the last `window`, or of one that ended at `until`, from counters.

        Of a queue, or of all. Some hundred parts at most, in order, as long as each other but where they are of old
        hours and days; those of the past end where what is counted together around `until` begins.
        """
        ...

    def totals(self) -> Mapping[str, Totals]:
        """Return what happened in each queue since its first job, from counters; nothing where there are no views."""
        ...

    def due_since(self) -> Mapping[str, datetime]:
        """Return, for each queue where a job waits that is due, since when the first one is; in paused ones, too."""
        ...

    def count_due(self, most: int) -> int:
        """Return how many jobs wait though they are due and their queues not paused, up to `most` of them."""
        ...

    def count_later(self, most: int) -> Mapping[str, int]:
        """Return, by queue, how many jobs wait for a time that is to come, that of a retry too; up to `most` of all."""
        ...

    def scheduled(self, most: int) -> Mapping[str, int] | None:
        """Return how many pending jobs of each queue are due later; None where more than `most` wait for their time."""
        ...

    def ahead(self, job: Job, most: int, *, is_everywhere: bool) -> Ahead:
        """Return how many ready jobs are claimed before `job`, up to `most` of them."""
        ...

    def last_claimed(self, queue: str) -> datetime | None:
        """Return a time since which nothing of a queue was claimed; None if nothing was for 90 days.

        It is after the claim by the length of a counter at most: a minute, after six hours an hour, after two weeks a
        day.
        """
        ...

    def moving(self, queues: Collection[str]) -> Collection[str]:
        """Return those of which a job was claimed or an attempt ended in this minute, or in the one before."""
        ...

    def get(self, job_id: str) -> Job | None:
        """Return a job as the view has it, None if it has nothing of it. Raises JobParked if its view stands still."""
        ...

    def parked(self) -> Mapping[str, str]:
        """Return the jobs whose view stands still, each with why: 1,000 at most, and none where there are no views."""
        ...

    def snapshot(self) -> Mapping[str, Any]:
        """Return what an operator wants to know of the projector: holder, generation, events applied, what is amiss.

        `parked`: the ids of up to TOLD_MAX jobs.
        """
        ...
