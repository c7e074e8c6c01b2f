"""What a job that waits to be claimed waits for: each obstacle, then its turn, then how it came to wait. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from eventqueue.audit.clauses import Around, Clause, Place, Reason
from eventqueue.model.events import Call
from eventqueue.model.figures import count, elapsed, moment, span
from eventqueue.model.job import Job, State
from eventqueue.model.waits import Kind, Wait
from eventqueue.ports.views import Ahead, Worker

NAMED_MAX = 3  # of the jobs that keep slots busy


def waiting(job: Job, since: Place, around: Around, origin: Sequence[Clause]) -> Iterator[Clause]:
    """Yield what a job waits for; `since`: the event that made it wait, `origin`: what is to be said of how."""
    first = [clause for wait in around.waits for clause in _clauses(job, wait, since, around)]
    # Which retry it is, and when, is one thing to say where that time is what it waits for.
    retry = next((one for one in origin if one.kind is Reason.RETRY), None)
    if retry is not None and first and first[0].kind is Reason.LATER and job.state is State.FAILED:
        first[0] = Clause(kind=Reason.RETRY, text=f"{retry.text}: {first[0].text}", event=retry.event, until=job.due_at)
        origin = [one for one in origin if one is not retry]
    yield from first
    if job.expires_at is not None and job.expires_at > around.now:
        text = f"if no worker has claimed it by {moment(job.expires_at, 'seconds')}, it is cancelled instead of run"
        yield Clause(kind=Reason.EXPIRES, text=text, event=Place(job.stream, 1), until=job.expires_at)
    yield from origin


def _clauses(job: Job, wait: Wait, since: Place, around: Around) -> Iterator[Clause]:
    match wait.kind:
        case Kind.PARKED:
            list_ = "queuectl projections list"
            text = f"it is parked: no worker finds it until its view goes on, see `{list_}` ({wait.why})"
            yield Clause(kind=Reason.PARKED, text=text, commands=(list_,))
        case Kind.EXPIRED:
            text = f"it expired at {_at(wait.since)}: who claims it cancels it instead of running it"
            yield Clause(kind=Reason.EXPIRED, text=text, event=Place(job.stream, 1))
        case Kind.LATER:
            due = wait.until or around.now
            text = f"it is due in {span(elapsed(around.now, due))}, at {_at(due)}"
            yield Clause(kind=Reason.LATER, text=text, event=since, until=due)
        case Kind.PAUSED:
            said = f" ({wait.why})" if wait.why else ""
            text = f"its queue {job.queue} is paused since {_at(wait.since)} by {wait.by}{said}"
            resume = f"queuectl queue resume {job.queue}"
            text = f"{text}: nothing of it is claimed until `{resume}`"
            yield Clause(kind=Reason.PAUSED, text=text, event=around.paused_by, commands=(resume,))
        case Kind.UNSERVED:
            yield _unserved(job, wait, around)
        case Kind.UNKNOWN:
            yield _unknown(job, wait)
        case Kind.DUE:
            yield from _turn(job, around)


def _at(time: datetime | None) -> str:
    return "a time unknown" if time is None else moment(time, "seconds")


def _unserved(job: Job, wait: Wait, around: Around) -> Clause:
    due = "" if wait.since is None else f", and it is due since {_at(wait.since)}"
    # A minute, which a counter has, need not be over.
    is_known = around.claimed_at is not None and around.now - around.claimed_at >= timedelta(seconds=1)
    claimed = f", from which nothing was claimed since {_at(around.claimed_at)}" if is_known else ""
    tasks = " --import MODULE" if isinstance(job.run, Call) else ""
    start = f"queuectl worker start --queue {job.queue}{tasks}"
    text = f"no worker serves its queue {job.queue}{claimed}{due}: `{start}` starts one"
    return Clause(kind=Reason.UNSERVED, text=text, commands=(start,))


def _unknown(job: Job, wait: Wait) -> Clause:
    assert isinstance(job.run, Call)
    due = "" if wait.since is None else f", and it is due since {_at(wait.since)}"
    start = "queuectl worker start --import MODULE"
    text = f"no live worker that serves its queue knows its task {job.run.task}{due}: `{start}`"
    text = f"{text}, with the module that declares it, starts one"
    return Clause(kind=Reason.UNKNOWN, text=text, commands=(start,))


def _turn(job: Job, around: Around) -> Iterator[Clause]:
    assert job.due_at is not None
    if not around.crew:
        text = f"it is due since {_at(job.due_at)}: a worker claims it once it has a free slot"
        yield Clause(kind=Reason.DUE, text=text)
        return
    slots = sum(worker.concurrency for worker, _ in around.crew)
    running = sorted((one for _, jobs in around.crew for one in jobs), key=lambda one: one.claimed_at or around.now)
    if len(running) >= slots:
        yield Clause(kind=Reason.BUSY, text=busy(around.crew, running, around.now))
    else:
        free = f"{slots - len(running):,} of the {slots:,} slots that serve its queue are"
        which = "the slot that serves its queue is" if slots == 1 else free
        text = f"it is due since {_at(job.due_at)}, and {which} free: a worker claims it within a moment"
        yield Clause(kind=Reason.FREE, text=text)
    if around.ahead is not None:
        yield Clause(kind=Reason.BEFORE, text=_before(around.ahead))


def busy(crew: Sequence[tuple[Worker, Sequence[Job]]], running: Sequence[Job], now: datetime) -> str:
    """Return what all slots of some workers are busy with; `running`: their jobs, the longest first."""
    slots = sum(worker.concurrency for worker, _ in crew)
    names = [f"{one.id} for {_lasts(one, now)}" for one in running[:NAMED_MAX]]
    rest = f" and {count(len(running) - NAMED_MAX, 'other')}" if len(running) > NAMED_MAX else ""
    serve = "worker that serves" if len(crew) == 1 else f"{len(crew):,} workers that serve"
    are_busy = "the slot of the" if slots == 1 else f"all {slots:,} slots of the"
    return f"{are_busy} {serve} its queue {'is' if slots == 1 else 'are'} busy: {', '.join(names)}{rest}"


def _lasts(job: Job, now: datetime) -> str:
    return span(elapsed(job.claimed_at or now, now))


def _before(ahead: Ahead) -> str:
    total, where = ahead.by_priority + ahead.by_age, "of all queues" if ahead.is_everywhere else "of its queue"
    if not ahead.is_all:
        return f"more than {count(total, 'job')} {where} are before it"
    if not total:
        return "no job is before it"
    parts = [
        *([f"{ahead.by_priority:,} of a higher priority"] if ahead.by_priority else []),
        *([f"{ahead.by_age:,} due for longer"] if ahead.by_age else []),
    ]
    return f"{count(total, 'job')} {where} {'is' if total == 1 else 'are'} before it: {', '.join(parts)}"
