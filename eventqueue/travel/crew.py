"""Which workers were there at a moment, which queues were paused, which errors ignored: by what streams had then."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache

from msgspec.structs import replace

from eventqueue.model import ignoring, lives, pause, readable, settings
from eventqueue.model.events import Recorded, name_in, stream_of
from eventqueue.model.ignoring import Known, known
from eventqueue.model.job import Job
from eventqueue.model.lives import WorkerStarted, WorkerStopAsked
from eventqueue.model.moments import was_by
from eventqueue.model.pause import Pause, Valve
from eventqueue.mongo.past import Past
from eventqueue.ports.views import Worker

LEASE = "lease"  # the setting, which a worker of an older eventqueue says nothing of


def valves(past: Past) -> Mapping[str, Valve]:
    """Return how queues stood then, of those that were ever paused."""
    return {name_in(stream): pause.valve_after(history) for stream, history in past.category(pause.CATEGORY)}


def paused(found: Mapping[str, Valve]) -> Mapping[str, Pause]:
    """Return the pauses by queue, of those that were paused."""
    return {queue: valve.pause for queue, valve in found.items() if valve.pause is not None}


def ignored(past: Past) -> Known:
    """Return what kinds of error were ignored then."""
    histories = past.category(ignoring.CATEGORY)
    return known(((stream, ignoring.after(history)) for stream, history in histories), past.moment)


def workers(past: Past) -> Sequence[Worker]:
    """Return the workers that had started by then, and had neither left nor fallen silent: the oldest first."""
    there = (worker for worker, since in _unended(past) if since is None)
    return sorted(there, key=lambda one: (one.started_at, one.id))


def silent(past: Past) -> Sequence[Worker]:
    """Return the workers that were silent then, and not buried yet; `renewed_at`: when they had last been heard of."""
    return [replace(worker, renewed_at=since) for worker, since in _unended(past) if since is not None]


def running(found: Iterable[Worker], jobs: Iterable[Job]) -> Sequence[Worker]:
    """Return workers each with those of these jobs that it was running."""
    held: dict[str | None, list[str]] = {}
    for job in jobs:
        held.setdefault(job.worker, []).append(job.id)
    return [replace(one, running=tuple(held.get(one.id, ()))) for one in found]


def silences(past: Past, workers: Collection[str]) -> Mapping[str, datetime]:
    """Return, by id, those of these workers that were silent then, and since when: when they had last been heard of.

    That is told by what became of them: who was lost had renewed its lease for the last time, and was silent once that
    was over, or once somebody had buried it.
    """
    found, lease = {}, cache(lambda: _stored_lease(past))
    for stream, history in past.by_now([stream_of(lives.CATEGORY, one) for one in workers]).items():
        since = lives.renewed_last(history)
        if since is not None and (
            lives.is_over(_by_then(past, history)) or past.moment - since >= _lease(history, lease)
        ):
            found[name_in(stream)] = since
    return found


def stop_by(life: Sequence[Recorded]) -> datetime | None:
    """Return when a worker with this life hands back what it still runs, None where nobody has asked it to stop."""
    start = life[0].event if life else None
    return min(_stops(start, life), default=None) if isinstance(start, WorkerStarted) else None


def _by_then(past: Past, history: Iterable[Recorded]) -> list[Recorded]:
    return [one for one in history if was_by(one, past.moment)]


def _lease(history: Sequence[Recorded], stored: Callable[[], timedelta]) -> timedelta:
    start = history[0].event
    if isinstance(start, WorkerStarted) and start.lease is not None:
        with suppress(OverflowError, ValueError):  # what somebody has put there is no time
            return timedelta(seconds=start.lease)
    return stored()


def _stored_lease(past: Past) -> timedelta:
    stored, _ = settings.fold(readable.read(past.history(settings.STREAM)).events)
    lease = stored.get(LEASE, settings.SETTINGS[LEASE].builtin)
    assert isinstance(lease, int | float)
    return timedelta(seconds=lease)


def _unended(past: Past) -> Iterator[tuple[Worker, datetime | None]]:
    """Yield the workers that had neither left nor been buried by then, each with since when it was silent."""
    # Nearly all are gone again: of these no more is read than of what type their events are.
    histories = past.histories(past.category_unless(lives.CATEGORY, lives.ENDS))
    silent = silences(past, [name_in(stream) for stream in histories])
    for stream, history in histories.items():
        events = readable.read(history).events
        if lives.is_over(events):
            continue
        if (worker := worker_of(events)) is not None:
            yield worker, silent.get(name_in(stream))


def worker_of(life: Sequence[Recorded]) -> Worker | None:
    """Return the worker with this life, None where that does not begin with its start."""
    start = life[0].event if life else None
    if not isinstance(start, WorkerStarted):
        return None
    return Worker(
        id=name_in(life[0].stream),
        name=start.name,
        host=start.host,
        pid=start.pid,
        queues=start.queues,
        concurrency=start.concurrency,
        started_at=life[0].at,
        renewed_at=None,
        by=start.by,
        stop_by=stop_by(life),
    )


def _stops(start: WorkerStarted, events: Iterable[Recorded]) -> Iterator[datetime]:
    for one in events:
        if isinstance(one.event, WorkerStopAsked):
            grace = start.grace if one.event.grace is None else one.event.grace
            with suppress(OverflowError, ValueError):  # what somebody has put there is no time
                yield one.at + timedelta(seconds=grace or 0)
