"""All that there is to tell of one worker at once: as it lives, or what became of it, and its life by the log."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from eventqueue.audit.wanted import Wanted
from eventqueue.model import lives
from eventqueue.model.events import Recorded, stream_of
from eventqueue.model.job import State
from eventqueue.model.readable import Read
from eventqueue.ports.views import Ending, Gone, Held, Worker
from eventqueue.telling.words import sentence
from eventqueue.travel.crew import worker_of
from eventqueue.travel.gone import ended

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.api.then import Then

WITHIN = timedelta(days=1)  # of one that ended before nobody looks for who took its place


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A worker. `there`: as it lives; `gone`: what became of it; neither: nobody has told of its end.

    `worker`: as it was set, None where its start cannot be read. `life`: its newest events, the last first.
    """

    id: str
    there: Worker | None
    gone: Gone | None
    worker: Worker | None
    life: Sequence[Read]


Find = Callable[[], Sequence[Gone]]
"""Returns those that are gone: it looks through the log."""


def told(
    queue: "Queue", then: "Then | None", worker_id: str, *, there: Worker | None, most: int, find: Find
) -> Told | None:
    """Return what is to be told of a worker, with `most` events of its life, now or then; None: there was none.

    `there`: it, where it lives; `find` is only asked for one that may be among those.
    """
    newest = list(islice(life(queue, then, worker_id), most))
    if there is None and not newest:
        return None
    first = islice(life(queue, then, worker_id, reverse=False), 1 if len(newest) == most else 0)
    known = [one for one in (*first, *reversed(newest)) if isinstance(one, Recorded)]
    gone = None if there else _gone(queue, then, worker_id, known, find)
    begun = worker_of(known)
    # Of one whose start cannot be read `gone` says no more than that it was there: but who is silent is registered.
    is_known = begun is not None or (gone is not None and gone.ending is Ending.SILENT)
    worker = there or (gone.worker if gone is not None and is_known else begun)
    return Told(id=worker_id, there=there, gone=gone, worker=worker, life=newest)


def life(queue: "Queue", then: "Then | None", worker_id: str, *, reverse: bool = True) -> Iterator[Read]:
    """Yield the events of a worker's life by now or then, the last first."""
    until = None if then is None else then.moment
    return queue.events(Wanted(streams=(stream_of(lives.CATEGORY, worker_id),), until=until), reverse=reverse)


def how(one: Gone) -> str:
    """Return who told of a worker's end and who had asked for it, in words."""
    if one.ending is Ending.SILENT:
        return "silent: the first worker that lives brings back what it held"
    asked = f"asked by {one.asked_by}{f': {one.why}' if one.why else ''}" if one.asked_by else None
    if one.ending is Ending.LEFT:
        return asked or "by itself"
    seen = "seen dead" if one.seen_dead else "silent for longer than its lease"
    return sentence(f"{seen}, told by {one.told_by}", asked)


def _gone(queue: "Queue", then: "Then | None", worker_id: str, known: Sequence[Recorded], find: Find) -> Gone | None:
    by_life = ended(known)
    now = queue.connection.ground.clock.now() if then is None else then.moment
    if by_life is None or by_life.at is None or by_life.at >= now - WITHIN:
        found = next((one for one in find() if one.worker.id == worker_id), None)
        if found is not None or by_life is None:
            return found
    states = {} if then else _states(queue, [one.job for one in by_life.held])
    return replace(by_life, held=tuple(Held(one.job, states.get(one.job)) for one in by_life.held))


def _states(queue: "Queue", ids: Collection[str]) -> Mapping[str, State]:
    return {one.id: one.state for one in queue.connection.finder.get(ids).values()} if ids else {}
