"""What a job is and what may happen to it: `decide` and `evolve`, the state machine.

Both are pure: no clock, no chance, no database. `decide` may refuse a command; `evolve` never refuses a recorded
event, since what is in the log has happened.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never, cast

import msgspec
from msgspec.structs import replace

from eventqueue.errors import IllegalTransition, LogCorrupt
from eventqueue.model.amending import Changes, bounded, changed, compared
from eventqueue.model.codec import to_ms
from eventqueue.model.events import (
    Amended,
    Cancelled,
    Claimed,
    Completed,
    DeadLettered,
    Enqueued,
    Error,
    Event,
    Failed,
    FailReason,
    Head,
    JobEvent,
    Output,
    Recorded,
    Released,
    Retried,
    RetryAmended,
    RetryCause,
    Run,
    name_in,
    stream_of,
)
from eventqueue.model.retry import Backoff
from eventqueue.model.spec import Request


class State(StrEnum):
    """Where a job stands."""

    PENDING = "pending"  # may be claimed, once `due_at` has come
    PROCESSING = "processing"  # claimed by `worker`
    FAILED = "failed"  # its last attempt failed; waits for its retry until `due_at`
    COMPLETED = "completed"  # final: the run succeeded
    DEAD = "dead"  # every attempt failed; an operator may retry it
    CANCELLED = "cancelled"  # someone asked for it to stop; an operator may retry it


FINAL = frozenset({State.COMPLETED, State.DEAD, State.CANCELLED})
"""States in which nothing more happens by itself."""

LEGAL: dict[type[Event], tuple[frozenset[State | None], State]] = {
    Enqueued: (frozenset({None}), State.PENDING),
    Claimed: (frozenset({State.PENDING}), State.PROCESSING),
    Completed: (frozenset({State.PROCESSING}), State.COMPLETED),
    Failed: (frozenset({State.PROCESSING}), State.FAILED),
    Retried: (frozenset({State.FAILED, State.DEAD, State.CANCELLED}), State.PENDING),
    DeadLettered: (frozenset({State.FAILED}), State.DEAD),
    Released: (frozenset({State.PROCESSING}), State.PENDING),
    Cancelled: (frozenset({State.PENDING, State.FAILED, State.PROCESSING, State.DEAD}), State.CANCELLED),
    Amended: (frozenset({State.PENDING}), State.PENDING),
    RetryAmended: (frozenset({State.FAILED}), State.FAILED),
}
"""Each event: the states it may come from, and the one it leads to. An audit holds a history against this table."""


class Result(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """What a completed job left behind; `duration` in seconds."""

    value: Any = None
    exit_code: int | None = None
    duration: float | None = None
    output: Output | None = None


class Job(msgspec.Struct, frozen=True, gc=False, kw_only=True, rename={"id": "_id"}):
    """A job's current state: the fold of its stream up to `version`, and all that a worker needs to run it."""

    id: str
    state: State
    queue: str
    run: Run
    priority: int
    run_at: datetime
    due_at: datetime | None  # set while pending, or failed with a retry to come
    expires_at: datetime | None
    max_retries: int
    backoff: Backoff
    timeout: float | None  # seconds
    key: str | None
    tags: tuple[str, ...]
    group: str | None
    meta: dict[str, Any]
    correlation: str | None
    attempts: int  # claims that count: a released one does not
    failures: int  # since it was enqueued, or since an operator's last retry
    claim: int | None  # while processing: the version of its `claimed` event
    worker: str | None  # while processing: the incarnation that holds the claim
    claimed_at: datetime | None
    last_error: Error | None
    result: Result | None
    created_at: datetime
    updated_at: datetime
    version: int
    hash: bytes
    nth: int = 0  # of the jobs of one call
    restart_of: str | None = None  # the job that it takes up

    @property
    def stream(self) -> str:
        """The stream that this job is the fold of."""
        return stream_of("job", self.id)

    @property
    def head(self) -> Head:
        """The last event that this state has seen: what the next append builds on."""
        return Head(self.version, self.hash, self.updated_at)

    @property
    def claimable(self) -> bool:
        """Whether a worker may claim it, now or once `due_at` has come."""
        return self.due_at is not None


# Commands: what someone wants to happen.


class Enqueue(msgspec.Struct, frozen=True, gc=False):
    """Create the job."""

    request: Request
    nth: int = 0  # of the jobs of one call


class Claim(msgspec.Struct, frozen=True, gc=False):
    """Take the job for running it. Never asks whether it is due: that the view showed it as ready is the proof."""

    worker: str
    host: str
    pid: int


class Complete(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Settle a claim: the run succeeded."""

    claim: int
    value: Any = None
    exit_code: int | None = None
    duration: float | None = None
    output: Output | None = None


class Fail(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Settle a claim: the run failed; `chance` in 0..1 picks the jitter of the retry's delay.

    `is_final`: no retry would mend it, as where there is no such program. `delay`: how long to wait for the retry,
    where the run said so itself; else as the job's backoff says.
    """

    claim: int
    reason: FailReason
    error: Error
    chance: float = 0.0
    is_final: bool = False
    delay: timedelta | None = None
    exit_code: int | None = None
    duration: float | None = None
    output: Output | None = None
    renewed_at: datetime | None = None
    buried_by: str | None = None


class Release(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Hand a claim back unharmed; the job is due again after `delay`."""

    claim: int
    reason: str
    delay: timedelta = timedelta(0)


class Discard(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Settle a claim: the run itself found that the job is to be done no more."""

    claim: int
    why: str


class Cancel(msgspec.Struct, frozen=True):
    """Make the job stop, whether it runs or waits. `act`: as one of many, by an act with this id."""

    why: str
    act: str | None = None


class Retry(msgspec.Struct, frozen=True):
    """Give the job a new budget of attempts. `act`: see Cancel."""

    why: str
    act: str | None = None


class Amend(msgspec.Struct, frozen=True):
    """Change fields of the job while it waits; checked by `amending.amendment`. `act`: see Cancel."""

    changes: Changes
    why: str | None = None
    act: str | None = None


class DeadLetter(msgspec.Struct, frozen=True):
    """Finish what a worker began that died between `failed` and `dead-lettered`."""


Command = Enqueue | Claim | Complete | Fail | Release | Discard | Cancel | Retry | Amend | DeadLetter
Settle = Complete | Fail | Release | Discard

USED_UP = "the retries are used up"
NO_RETRY = "no retry would mend it"
EXPIRED = "expired"


def decide(job: Job | None, command: Command, now: datetime) -> list[JobEvent]:
    """Return the events that `command` leads to, none where all is as asked already; `now`: the database's clock.

    Raises IllegalTransition where the job's state does not allow it, InvalidInput for what such a job cannot have.
    """
    now = to_ms(now)
    match job, command:
        case None, Enqueue(request=request, nth=nth):
            return [request.enqueued(now, nth)]
        case Job(state=State.PENDING | State.FAILED, due_at=datetime(), expires_at=datetime() as end), Claim() if (
            end <= now
        ):
            return [Cancelled(why=EXPIRED)]
        case Job(state=State.PENDING), Claim():
            return [_claimed(job, command)]
        case Job(state=State.FAILED, due_at=datetime()), Claim():
            return [_retried(job, RetryCause.BACKOFF, now), _claimed(job, command)]
        case Job(state=State.PROCESSING), Complete() | Fail() | Release() | Discard() if job.claim == command.claim:
            return _settled(job, command, now)
        case Job(state=State.PENDING | State.FAILED | State.PROCESSING | State.DEAD), Cancel(why=why, act=act):
            return [Cancelled(why=why, act=act)]
        case Job(state=State.CANCELLED), Cancel():
            return []  # who asks wants it to be cancelled
        case Job(state=State.FAILED | State.DEAD | State.CANCELLED), Retry(why=why, act=act):
            return [replace(_retried(job, RetryCause.OPERATOR, now), why=why, act=act)]
        case Job(state=State.PENDING | State.FAILED, due_at=datetime()), Amend():
            return _amended(job, command, now)
        case Job(state=State.FAILED, due_at=None), DeadLetter():
            return [DeadLettered(reason=_why_dead(job, job.failures))]
        case _:
            raise IllegalTransition(_refusal(job, command, now))


def _retried(job: Job, cause: RetryCause, now: datetime) -> Retried:
    return Retried(cause=cause, due_at=now if now < job.updated_at else None)


def _amended(job: Job, command: Amend, now: datetime) -> list[JobEvent]:
    was, becomes = compared(job, command.changes, now)
    if was == becomes:
        return []  # all is as asked already
    kind = Amended if job.state is State.PENDING else RetryAmended
    return [kind(was=was, now=becomes, why=command.why, act=command.act)]


def _claimed(job: Job, command: Claim) -> Claimed:
    return Claimed(worker=command.worker, host=command.host, pid=command.pid, attempt=job.attempts + 1)


def _settled(job: Job, command: Settle, now: datetime) -> list[JobEvent]:
    match command:
        case Complete():
            return [_completed(command)]
        case Fail():
            return _failed(job, command, now)
        case Release(reason=reason, delay=delay):
            return [Released(reason=reason, due_at=to_ms(now + delay))]
        case Discard(why=why):
            return [Cancelled(why=why)]


def _completed(command: Complete) -> Completed:
    return Completed(
        result=command.value, exit_code=command.exit_code, duration=command.duration, output=command.output
    )


def _failed(job: Job, command: Fail, now: datetime) -> list[JobEvent]:
    failure = job.failures + 1
    again = failure <= job.max_retries and not command.is_final
    wait = job.backoff.delay(failure, command.chance) if command.delay is None else command.delay
    failed = Failed(
        reason=command.reason,
        error=command.error,
        retry_at=to_ms(now + wait) if again else None,
        exit_code=command.exit_code,
        duration=command.duration,
        output=command.output,
        worker=job.worker if command.reason is FailReason.WORKER_LOST else None,
        renewed_at=command.renewed_at,
        buried_by=command.buried_by,
    )
    return [failed] if again else [failed, DeadLettered(reason=_why_dead(job, failure))]


def _why_dead(job: Job, failures: int) -> str:
    return USED_UP if failures > job.max_retries else NO_RETRY


_ANEW = "`queuectl restart` has a new job do the same, or something else"


def _refusal(job: Job | None, command: Command, now: datetime) -> str:
    verb = "dead-letter" if isinstance(command, DeadLetter) else type(command).__name__.lower()
    match job, command:
        case None, _:
            return f"Cannot {verb} a job that does not exist."
        case Job(state=State.PROCESSING), Complete() | Fail() | Release() | Discard():
            return f"Cannot {verb} job {job.id}: claim {command.claim} is over, claim {job.claim} holds it."
        case Job(state=State.FAILED), Amend():
            return f"Cannot {verb} job {job.id}: it is failed, and no retry of it is left."
        case Job(state=State.DEAD | State.CANCELLED, expires_at=datetime() as end), Amend() if end <= now:
            # Who claims it once it is retried cancels it.
            return f"Cannot {verb} job {job.id}: it is {job.state}, and has expired; {_ANEW}."
        case Job(state=State.DEAD | State.CANCELLED), Amend():
            return f"Cannot {verb} job {job.id}: it is {job.state}; `queuectl retry` has it run again, and {_ANEW}."
        case Job(state=State.COMPLETED), Amend() | Retry():
            return f"Cannot {verb} job {job.id}: it is completed; {_ANEW}."
        case _:
            return f"Cannot {verb} job {job.id}: it is {job.state}."


def evolve(job: Job | None, recorded: Recorded) -> Job:
    """Return the job after one more event of its stream.

    Raises LogCorrupt only for a stream that does not begin with `enqueued`, which no state could come from.
    """
    event = cast("JobEvent", recorded.event)
    if isinstance(event, Enqueued):
        return _born(event, recorded)
    if job is None:
        raise LogCorrupt(f"Stream {recorded.stream} has no `enqueued` before version {recorded.version}.")
    changes = {**_SETTLED, **_changes(job, event, recorded)}
    return replace(job, updated_at=recorded.at, version=recorded.version, hash=recorded.hash, **changes)


_SETTLED: dict[str, Any] = {"due_at": None, "claim": None, "worker": None, "claimed_at": None}


def _changes(job: Job, event: JobEvent, recorded: Recorded) -> dict[str, Any]:
    match event:
        case Claimed():
            return {
                "state": State.PROCESSING,
                "attempts": event.attempt,
                "claim": recorded.version,
                "worker": event.worker,
                "claimed_at": recorded.at,
            }
        case Completed():
            return {"state": State.COMPLETED, "result": _result(event)}
        case Failed():
            return {
                "state": State.FAILED,
                "due_at": event.retry_at,
                "failures": job.failures + 1,
                "last_error": event.error,
            }
        case Retried():
            fresh = {"failures": 0} if event.cause is RetryCause.OPERATOR else {}
            return {"state": State.PENDING, "due_at": event.due_at or recorded.at, **fresh}
        case DeadLettered():
            return {"state": State.DEAD}
        case Released():
            return {"state": State.PENDING, "due_at": event.due_at, "attempts": max(0, job.attempts - 1)}
        case Cancelled():
            return {"state": State.CANCELLED}
        case Amended(now=now):
            return {"state": State.PENDING, **changed(job, now, recorded.at)}
        case RetryAmended(now=now):
            return {"state": State.FAILED, **changed(job, now, recorded.at)}
        case Enqueued():
            raise AssertionError("born above")
        case _:
            assert_never(event)


def _result(event: Completed) -> Result:
    return Result(value=event.result, exit_code=event.exit_code, duration=event.duration, output=event.output)


def _born(event: Enqueued, recorded: Recorded) -> Job:
    return Job(
        id=name_in(recorded.stream),
        state=State.PENDING,
        queue=event.queue,
        run=event.run,
        priority=event.priority,
        run_at=event.run_at,
        due_at=max(event.run_at, recorded.at),  # a time long past goes before nobody who was there
        expires_at=event.expires_at,
        max_retries=event.max_retries,
        backoff=event.backoff,
        timeout=bounded(event.timeout),
        key=event.key,
        tags=event.tags,
        group=event.group,
        meta=event.meta,
        correlation=event.correlation,
        attempts=0,
        failures=0,
        claim=None,
        worker=None,
        claimed_at=None,
        last_error=None,
        result=None,
        created_at=recorded.at,
        updated_at=recorded.at,
        version=recorded.version,
        hash=recorded.hash,
        nth=event.nth,
        restart_of=event.restart_of,
    )


def fold(history: Iterable[Recorded], job: Job | None = None) -> Job | None:
    """Return the job after all of `history`, in order, from `job` on; None where there is nothing."""
    for recorded in history:
        job = evolve(job, recorded)
    return job
