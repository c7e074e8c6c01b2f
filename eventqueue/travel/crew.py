"""Which workers were there at a moment, and which queues were paused: by the last event each stream had by then."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from msgspec.structs import replace

from eventqueue.model import lives, pause, readable
from eventqueue.model.events import Recorded, name_in
from eventqueue.model.job import Job
from eventqueue.model.lives import WorkerStarted, WorkerStopAsked
from eventqueue.model.pause import Pause
from eventqueue.mongo.past import Past
from eventqueue.ports.views import Worker


def paused(past: Past) -> Mapping[str, Pause]:
    """Return the pauses by queue, of those that were paused then."""
    valves = ((name_in(stream), pause.last_good(history)) for stream, history in past.category(pause.CATEGORY))
    return {queue: valve.pause for queue, valve in valves if valve.pause is not None}


def workers(past: Past) -> Sequence[Worker]:
    """Return the workers that had started by then, and neither left nor were lost: the oldest first."""
    return sorted(_there(past), key=lambda one: (one.started_at, one.id))


def running(found: Iterable[Worker], jobs: Iterable[Job]) -> Sequence[Worker]:
    """Return workers each with those of these jobs that it was running."""
    held: dict[str | None, list[str]] = {}
    for job in jobs:
        held.setdefault(job.worker, []).append(job.id)
    return [replace(one, running=tuple(held.get(one.id, ()))) for one in found]


def _there(past: Past) -> Iterator[Worker]:
    # Nearly all are gone again: of these no more is read than of what type their events are.
    for stream, history in past.histories(past.category_unless(lives.CATEGORY, lives.ENDS)).items():
        events = readable.read(history).events
        if events and not lives.is_over(events) and isinstance(start := events[0].event, WorkerStarted):
            yield Worker(
                id=name_in(stream),
                name=start.name,
                host=start.host,
                pid=start.pid,
                queues=start.queues,
                concurrency=start.concurrency,
                started_at=events[0].at,
                renewed_at=None,
                by=start.by,
                stop_by=min(_stops(start, events), default=None),
            )


def _stops(start: WorkerStarted, events: Iterable[Recorded]) -> Iterator[datetime]:
    for one in events:
        if isinstance(one.event, WorkerStopAsked):
            grace = start.grace if one.event.grace is None else one.event.grace
            with suppress(OverflowError, ValueError):  # what somebody has put there is no time
                yield one.at + timedelta(seconds=grace or 0)
