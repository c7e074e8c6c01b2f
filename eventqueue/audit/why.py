"""Why a job is in its state, and what must happen next: from its history, and from how it is around it. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from eventqueue.audit.clauses import Around, Clause, Place, Reason, Why
from eventqueue.audit.waiting import waiting
from eventqueue.model.amending import told_of
from eventqueue.model.events import (
    Amended,
    Amending,
    Cancelled,
    Claimed,
    DeadLettered,
    Enqueued,
    Event,
    Failed,
    FailReason,
    Recorded,
    Released,
    Retried,
    RetryAmended,
    RetryCause,
    stream_of,
)
from eventqueue.model.figures import count, elapsed, moment, shortened, span
from eventqueue.model.job import EXPIRED, Job, State
from eventqueue.model.lives import WorkerStopAsked
from eventqueue.schedules.ticks import told

ERROR_MAX = 300  # characters of what somebody else wrote
ENDS = "the first worker that lives fails the attempt"
TAIL = 2  # events: the last one, and the one before, which is how an attempt ended or where it began


def explain(job: Job, history: Sequence[Recorded], around: Around) -> Why:
    """Return why a job is in its state; `history`: its events, the last TAIL of them at least."""
    return Why(job.id, job.state, (*_clauses(job, history, around), *_taken_up(around.restarts)))


def _clauses(job: Job, history: Sequence[Recorded], around: Around) -> Iterator[Clause]:
    last = history[-1]
    match job.state:
        case State.PROCESSING:
            yield from _running(job, history, around)
        case State.COMPLETED:
            yield _completed(job, last)
            yield Clause(kind=Reason.FINAL, text="nothing more happens to it")
        case State.DEAD:
            yield from _dead(job, history)
        case State.CANCELLED:
            yield from _cancelled(job, last, around)
        case _ if job.due_at is None:  # failed for good
            yield Clause(
                kind=Reason.UNBURIED, text="no retry of it is left: the next worker that looks writes that it is dead"
            )
            yield from _failure(history)
        case _:
            yield from waiting(job, _place(last), around, [*_origin(job, history, around)])


def _taken_up(restarts: Sequence[str]) -> Iterator[Clause]:
    for one in restarts:
        text = f"it was restarted as job {one}"
        yield Clause(kind=Reason.RESTARTED, text=text, event=Place(stream_of("job", one), 1))


def _place(recorded: Recorded) -> Place:
    return Place(recorded.stream, recorded.version)


def _last(history: Sequence[Recorded], kind: type[Event]) -> Recorded | None:
    return next((one for one in reversed(history) if isinstance(one.event, kind)), None)


def _said(text: str) -> str:
    return shortened(text.strip(), ERROR_MAX).rstrip(".") or "nothing was said"


def _with_others(act: str | None) -> str:
    return "" if act is None else f" with others (act {act})"


# How a job came to wait


def _origin(job: Job, history: Sequence[Recorded], around: Around) -> Iterator[Clause]:
    last = history[-1]
    at, by = moment(last.at, "seconds"), last.actor
    match last.event:
        case Enqueued(restart_of=str(old), why=why, act=act):
            reason = f" ({_said(why)})" if why else ""
            text = f"it was made at {at} by {by} as a restart of job {old}{_with_others(act)}{reason}"
            yield Clause(kind=Reason.ENQUEUED, text=text, event=_place(last))
        case Enqueued():
            made = told(job.id, job.correlation)
            text = f"it was enqueued at {at} by {by}{f' ({made})' if made else ''}"
            yield Clause(kind=Reason.ENQUEUED, text=text, event=_place(last))
        case Retried(cause=RetryCause.OPERATOR, why=why, act=act):
            reason = f" ({_said(why)})" if why else ""
            text = f"it has all its retries anew, as {by} asked for at {at}{_with_others(act)}{reason}"
            yield Clause(kind=Reason.ASKED, text=text, event=_place(last))
        case Released(reason=reason):
            text = f"its worker handed it back at {at}, which counts as no attempt: {_said(reason)}"
            yield Clause(kind=Reason.RELEASED, text=text, event=_place(last))
            yield from _stopped(around, last)
        case Amended(why=why, act=act) | RetryAmended(why=why, act=act):
            before = [one for one in history if not isinstance(one.event, Amending)]
            yield from _origin(job, before, around) if before else ()
            reason = f" ({_said(why)})" if why else ""
            text = f"it was changed at {at} by {by}{_with_others(act)}: {', '.join(told_of(last.event.now))}{reason}"
            yield Clause(kind=Reason.AMENDED, text=text, event=_place(last))
        case _:  # an attempt failed
            yield from _retry(job, history)


def _retry(job: Job, history: Sequence[Recorded]) -> Iterator[Clause]:
    failed = _last(history, Failed)
    if failed is not None and isinstance(failed.event, Failed):
        text = (
            f"it waits for retry {job.failures} of {job.max_retries} after a failure at "
            f"{moment(failed.at, 'seconds')} ({_said(failed.event.error.told)})"
        )
        yield Clause(kind=Reason.RETRY, text=text, event=_place(failed))
        yield from _lost(failed)


def _failure(history: Sequence[Recorded]) -> Iterator[Clause]:
    failed = _last(history, Failed)
    if failed is not None and isinstance(failed.event, Failed):
        text = f"its last attempt ended at {moment(failed.at, 'seconds')} with {_said(failed.event.error.told)}"
        yield Clause(kind=Reason.ERROR, text=text, event=_place(failed))
        yield from _lost(failed)


def _lost(failed: Recorded) -> Iterator[Clause]:
    event = failed.event
    # One that its own launcher killed at the end of the lease is no worker's that somebody buried.
    if not isinstance(event, Failed) or event.reason is not FailReason.WORKER_LOST or event.buried_by is None:
        return
    after = ""
    if event.renewed_at is not None:
        after = f", {span(elapsed(event.renewed_at, failed.at))} after it was last heard of"
    text = f"its worker {event.worker} was lost: {event.buried_by} rescued the job{after}"
    yield Clause(kind=Reason.LOST, text=text, event=_place(failed))


# One that runs


def _running(job: Job, history: Sequence[Recorded], around: Around) -> Iterator[Clause]:
    assert job.claimed_at is not None
    yield from _silent(job, around)
    claimed = _last(history, Claimed)
    host = f" on {claimed.event.host}" if claimed is not None and isinstance(claimed.event, Claimed) else ""
    yield Clause(
        kind=Reason.RUNNING,
        text=f"it runs since {moment(job.claimed_at, 'seconds')}, for {span(elapsed(job.claimed_at, around.now))} "
        f"{'by then' if around.is_past else 'now'}, "
        f"by worker {job.worker}{host}: attempt {job.attempts}",
        event=Place(job.stream, job.claim or job.version),
    )
    yield from _ends(job, around)
    retries = f"retry {job.failures + 1} of {job.max_retries} follows"
    then = retries if job.failures < job.max_retries else "it is dead, since no retry is left"
    yield Clause(kind=Reason.NEXT, text=f"should the attempt fail, {then}")


def _silent(job: Job, around: Around) -> Iterator[Clause]:
    if around.holder is None:
        yield Clause(kind=Reason.SILENT, text=f"its worker {job.worker} is registered no more: {ENDS}")
    elif not around.holder.is_live:
        since = moment(around.holder.renewed_at, "seconds")
        text = f"its worker {job.worker} is silent since {since}, and its lease is over: {ENDS}"
        yield Clause(kind=Reason.SILENT, text=text)


def _ends(job: Job, around: Around) -> Iterator[Clause]:
    if job.timeout is not None and job.claimed_at is not None:
        yield _timeout(job, job.claimed_at + timedelta(seconds=job.timeout), around)
    if around.holder is not None and (by := around.holder.stop_by) is not None and around.holder.is_live:
        asked = _stop_asked(around)
        text = f"{_asked(asked)}, and hands back what still runs at {moment(by, 'seconds')}"
        until = by if by > around.now else None
        yield Clause(kind=Reason.STOPPING, text=text, event=None if asked is None else _place(asked), until=until)


def _stopped(around: Around, released: Recorded) -> Iterator[Clause]:
    """Say who had asked the worker to stop that handed a job back."""
    asked = _stop_asked(around)
    if asked is not None and asked.at <= released.at:
        yield Clause(kind=Reason.STOPPING, text=_asked(asked), event=_place(asked))


def _stop_asked(around: Around) -> Recorded | None:
    return _last(around.life, WorkerStopAsked)


def _asked(asked: Recorded | None) -> str:
    if asked is None or not isinstance(asked.event, WorkerStopAsked):
        return "its worker is asked to stop"
    why = f" ({_said(asked.event.why)})" if asked.event.why else ""
    return f"its worker was asked to stop by {asked.actor} at {moment(asked.at, 'seconds')}{why}"


def _timeout(job: Job, end: datetime, around: Around) -> Clause:
    ran_over = end <= around.now
    at = moment(end, "seconds")
    text = f"its timeout was over at {at}: it is being killed" if ran_over else f"it is killed if it still runs at {at}"
    return Clause(kind=Reason.TIMEOUT, text=text, event=Place(job.stream, 1), until=None if ran_over else end)


# One that ended


def _completed(job: Job, last: Recorded) -> Clause:
    result = job.result
    code = "" if result is None or result.exit_code is None else f", with exit code {result.exit_code}"
    ran = "" if result is None or result.duration is None else f", after {span(result.duration)}"
    text = f"it completed at {moment(last.at, 'seconds')}{ran}{code}, in attempt {job.attempts}"
    return Clause(kind=Reason.COMPLETED, text=text, event=_place(last))


def _dead(job: Job, history: Sequence[Recorded]) -> Iterator[Clause]:
    last = history[-1]
    reason = f": {last.event.reason}" if isinstance(last.event, DeadLettered) else ""
    text = f"it ended at {moment(last.at, 'seconds')}, after {count(job.attempts, 'attempt')}{reason}"
    yield Clause(kind=Reason.DEAD, text=text, event=_place(last))
    yield from _failure(history)
    retry, discard = (f"queuectl dlq {what} {job.id}" for what in ("retry", "discard"))
    text = f"nothing more happens by itself: `{retry}` tries it again, `{discard}` gives it up"
    yield Clause(kind=Reason.FINAL, text=text, commands=(retry, discard))


def _cancelled(job: Job, last: Recorded, around: Around) -> Iterator[Clause]:
    at = moment(last.at, "seconds")
    why, act = (last.event.why, last.event.act) if isinstance(last.event, Cancelled) else ("", None)
    if why == EXPIRED and job.expires_at is not None and job.expires_at <= last.at:
        expired = moment(job.expires_at, "seconds")
        text = f"it expired at {expired}, before a worker came to it, and was cancelled at {at} by {last.actor}"
        yield Clause(kind=Reason.EXPIRED, text=text, event=_place(last))
    else:
        text = f"it was cancelled at {at} by {last.actor}{_with_others(act)}: {_said(why)}"
        yield Clause(kind=Reason.CANCELLED, text=text, event=_place(last))
    if around.ending is not None:
        host = around.ending.host
        text = f"it was running then, and its process on {host} may still live: its worker is ending it"
        yield Clause(kind=Reason.ENDING, text=text, until=around.ends_by)
    retry = f"queuectl retry {job.id}"
    text = f"nothing more happens by itself: `{retry}` brings it back"
    yield Clause(kind=Reason.FINAL, text=text, commands=(retry,))
