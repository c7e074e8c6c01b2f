"""Which workers were there before a moment and are gone: what became of each, what it held, and who took its place.

Newest first and no more than were asked for: where workers crash as soon as they start they are very many.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice

from msgspec.structs import replace

from eventqueue.model import lives, readable
from eventqueue.model.events import Recorded, name_in
from eventqueue.model.job import Job, State
from eventqueue.model.lives import ENDS, WorkerLost, WorkerStarted, WorkerStopAsked
from eventqueue.mongo.past import Past
from eventqueue.ports.views import Ending, Gone, Held, Worker
from eventqueue.travel.crew import worker_of

STARTED = "worker-started"
HELD_TOLD = 20  # jobs of one worker

States = Callable[[Collection[str]], Mapping[str, State]]
"""Returns the states of jobs by their ids, of those that are shown."""


def gone(past: Past, since: datetime, limit: int, silent: Iterable[Gone], states: States) -> Sequence[Gone]:
    """Return the newest `limit` of the workers that ended from `since` on, by then, and of those that were `silent`."""
    found = sorted(chain(_ended(past, since, limit), silent), key=_when, reverse=True)[:limit]
    known = states({held.job for one in found for held in one.held})
    return [replace(one, held=tuple(Held(held.job, known.get(held.job)) for held in one.held)) for one in found]


def silent(worker: Worker, jobs: Iterable[Job]) -> Gone:
    """Return a worker that was silent, with the jobs that it held."""
    return _with_held(Gone(worker=worker, ending=Ending.SILENT), [job.id for job in jobs])


def ended(life: Sequence[Recorded]) -> Gone | None:
    """Return what became of a worker as its life alone tells it, without who took its place; None: it is not over."""
    end = next((one for one in reversed(life) if lives.is_over([one])), None)
    return None if end is None else _gone(end, life, {})


def _when(one: Gone) -> datetime:
    return one.at or one.worker.renewed_at or one.worker.started_at


def _ended(past: Past, since: datetime, limit: int) -> list[Gone]:
    ends = [one for one in past.newest(lives.CATEGORY, ENDS, since, limit) if isinstance(one, Recorded)]
    if not ends:
        return []
    starts: dict[tuple[str, str], list[Recorded]] = defaultdict(list)
    for one in past.newest(lives.CATEGORY, {STARTED}, max(since, min(map(_from, ends)))):
        if isinstance(one, Recorded) and isinstance(one.event, WorkerStarted):
            starts[one.event.name, one.event.host].append(one)
    histories = past.histories([one.stream for one in ends])
    begun = {place: sorted(found, key=_at) for place, found in starts.items()}
    return [_gone(one, readable.read(histories.get(one.stream, ())).events, begun) for one in ends]


def _gone(end: Recorded, life: Sequence[Recorded], starts: Mapping[tuple[str, str], Sequence[Recorded]]) -> Gone:
    worker = worker_of(life) or _unknown(end)
    asked = next((one for one in life if isinstance(one.event, WorkerStopAsked)), None)
    lost = end.event if isinstance(end.event, WorkerLost) else None
    others = starts.get((worker.name, worker.host), ())
    later = (one for one in islice(others, bisect_left(others, _from(end), key=_at), None) if one.stream != end.stream)
    successor = next(later, None)
    found = Gone(
        worker=worker,
        ending=Ending.LEFT,
        at=end.at,
        told_by=end.actor,
        asked_by=None if asked is None else asked.actor,
        why=asked.event.why if asked and isinstance(asked.event, WorkerStopAsked) else None,
        successor=None if successor is None else name_in(successor.stream),
    )
    if lost is None:
        return found
    worker = replace(worker, renewed_at=lost.renewed_at)
    return _with_held(replace(found, worker=worker, ending=Ending.LOST, seen_dead=lost.seen_dead), lost.held)


def _from(end: Recorded) -> datetime:
    """Return since when another may have taken its place: of who was lost often before it is buried."""
    return (end.event.renewed_at if isinstance(end.event, WorkerLost) else None) or end.at


def _at(one: Recorded) -> datetime:
    return one.at


def _with_held(one: Gone, jobs: Sequence[str]) -> Gone:
    return replace(one, held=tuple(map(Held, jobs[:HELD_TOLD])), held_number=len(jobs))


def _unknown(end: Recorded) -> Worker:
    """Return what is known of a worker of before workers were told of, or whose start cannot be read."""
    name = name_in(end.stream)
    return Worker(id=name, name=name, host="", pid=0, queues=(), concurrency=0, started_at=end.at, renewed_at=None)
