"""Which queues do not move, and why. Pure.

The rule: a job of the queue is due, the queue is not paused, and either no worker serves it; or the job is due for
30 s, those who serve it are there for as long, and nothing of the queue was claimed or ended for as long. That is so
where all their slots hold jobs that were claimed before; else the counters of this minute and the one before have to be
empty.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from eventqueue.model.figures import moment, span
from eventqueue.model.job import Job
from eventqueue.model.pause import Pause
from eventqueue.ports.views import Standing, Standstill, Worker

PATIENCE = timedelta(seconds=30)

Crew = Sequence[tuple[Worker, Sequence[Job]]]
"""Workers, each with what it runs."""

Moving = Callable[[Collection[str]], Collection[str]]
"""Which of some queues have moved lately, as their counters tell."""


def served(workers: Sequence[Worker]) -> Collection[str] | None:
    """Return the queues of which those of the workers that stay claim; None where one of them claims of all."""
    staying = [one for one in workers if one.stop_by is None]
    return None if any(not one.queues for one in staying) else {name for one in staying for name in one.queues}


def serving(workers: Crew, queue: str) -> Crew:
    """Return those of the workers that serve a queue and stay."""
    return [one for one in workers if one[0].stop_by is None and queue in (one[0].queues or (queue,))]


def known(workers: Sequence[Worker], queue: str) -> Collection[str]:
    """Return the Python tasks that those of the workers know that serve a queue and stay."""
    return {task for one, _ in serving([(one, ()) for one in workers], queue) for task in one.tasks}


def standstills(
    due: Mapping[str, datetime], paused: Mapping[str, Pause], workers: Crew, moving: Moving, now: datetime
) -> Sequence[Standstill]:
    """Return the queues that do not move; `due`: since when the first job of each is due."""
    crews = {queue: serving(workers, queue) for queue in due if queue not in paused}
    suspects = [queue for queue, crew in crews.items() if not crew or _stands(queue, due[queue], crew, now)]
    in_doubt = [queue for queue in suspects if crews[queue] and not _is_proven(crews[queue], now)]
    moved = frozenset(moving(in_doubt)) if in_doubt else frozenset()
    return [_standstill(queue, due[queue], crews[queue], now) for queue in sorted(suspects) if queue not in moved]


def _stands(queue: str, due_since: datetime, crew: Crew, now: datetime) -> bool:
    """Whether a queue may stand still: its job could have been claimed for a while, and those that run are no news."""
    could = max(due_since, min(worker.started_at for worker, _ in crew))
    return now - could >= PATIENCE and not any(
        _is_recent(one, now) for _, jobs in crew for one in jobs if one.queue == queue
    )


def _is_proven(crew: Crew, now: datetime) -> bool:
    """Whether no slot came free for a while: each holds a job that was claimed before."""
    return not _free(crew) and not any(_is_recent(one, now) for _, jobs in crew for one in jobs)


def _is_recent(job: Job, now: datetime) -> bool:
    return job.claimed_at is not None and now - job.claimed_at < PATIENCE


def _slots(crew: Crew) -> int:
    return sum(worker.concurrency for worker, _ in crew)


def _free(crew: Crew) -> int:
    return max(0, _slots(crew) - sum(len(jobs) for _, jobs in crew))


def _standstill(queue: str, due_since: datetime, crew: Crew, now: datetime) -> Standstill:
    kind = Standing.UNSERVED if not crew else Standing.FREE if _free(crew) else Standing.BUSY
    text = f"{_why(crew, now)}; its first job is due since {moment(due_since, 'seconds')}"
    return Standstill(queue=queue, kind=kind, due_since=due_since, text=text)


def unmet(found: Standstill, tasks: Collection[str]) -> Standstill:
    """Return it with the reason that no worker knows the tasks that its first jobs are of."""
    name, *others = sorted(tasks)
    which = f"task {name}{f' and {len(others):,} more' if others else ''}"
    text = f"no worker that serves it knows {which}; its first job is due since {moment(found.due_since, 'seconds')}"
    return replace(found, kind=Standing.UNKNOWN, text=text)


def _why(crew: Crew, now: datetime) -> str:
    if not crew:
        return "no worker serves it"
    slots, free = _slots(crew), _free(crew)
    if free:
        which = "the slot that serves it is" if slots == 1 else f"{free:,} of the {slots:,} slots that serve it are"
        return f"{which} free, and yet nothing of it was claimed"
    which = "the slot that serves it is" if slots == 1 else f"all {slots:,} slots that serve it are"
    claimed = [one.claimed_at for _, jobs in crew for one in jobs if one.claimed_at is not None]
    if not _is_proven(crew, now) or not claimed:
        return f"{which} busy with jobs of other queues"
    return f"{which} busy, and none has come free for {span((now - max(claimed)).total_seconds())}"
