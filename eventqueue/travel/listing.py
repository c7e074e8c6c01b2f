"""Which jobs there were at a moment, in the order of the live lists: found where the log tells of them, back from then.

All, pending and completed ones by their `enqueued`, the newest first; failed, dead, cancelled and processing ones by
the events that make them that, of which one counts if its stream had no later event by then. Some hundred at a time:
what is listed first is read first, and nothing is read that is not looked at.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import islice
from typing import Any

import msgspec

from eventqueue.errors import LogCorrupt
from eventqueue.model.codec import EPOCH, decode
from eventqueue.model.events import category_of
from eventqueue.model.job import Job, State, evolve
from eventqueue.model.marks import Mark
from eventqueue.model.moments import SECOND, was_by
from eventqueue.mongo.past import Past
from eventqueue.ports.views import Filter
from eventqueue.travel.moves import AFTER, leading_to

PAGE, PAGE_MAX = 200, 1000  # jobs that are looked at together
PATIENCE = 2000  # so many are looked at before it is asked how many there are to be found
# Sealed by another clock, an event may tell of a later time than the second in which the log took it, by this at most.
AHEAD = timedelta(seconds=2)
BY_CHANGE = (State.FAILED, State.DEAD, State.CANCELLED)  # listed by when they became that


def listed(past: Past, filter_: Filter, how_many: Callable[[], int]) -> Iterator[Job]:
    """Yield the jobs that `filter_` lets through, whatever its limit. Raises Unavailable.

    `how_many` returns how many jobs of the filter's queue were in its state: once all are found nothing more is read.
    """
    if filter_.state is State.PROCESSING:
        found = _counted(_found(past, filter_), filter_, how_many, 0)
        return iter(sorted(found, key=_newest, reverse=True))
    return _counted(_found(past, filter_), filter_, how_many, PATIENCE)


def _counted(found: Iterator[Job | None], filter_: Filter, how_many: Callable[[], int], patience: int) -> Iterator[Job]:
    """Yield what is found until it is all there is; None: one that was looked at, and is not wanted."""
    is_countable = filter_.state is not None and filter_.tag is None and filter_.error is None
    left: int | None = None
    number = 0
    for looked, job in enumerate(found):
        if is_countable and left is None and looked >= patience:
            left = how_many()
        if left is not None and number >= left:
            return
        if job is not None:
            number += 1
            yield job


def _found(past: Past, filter_: Filter) -> Iterator[Job | None]:
    marks = _newest_first(_candidates(past, filter_))
    size = min(filter_.limit or PAGE, PAGE)
    while some := list(islice(marks, size)):
        standing = {(one.stream, one.version) for one in _standing(past, filter_.state, some)}
        jobs = folds(past, [stream for stream, _ in standing])
        for one in some:
            job = jobs.get(one.stream) if (one.stream, one.version) in standing else None
            yield job if job is not None and _fits(job, filter_) else None
        size = min(2 * size, PAGE_MAX)


def _candidates(past: Past, filter_: Filter) -> Iterator[Mark]:
    since = None if filter_.since is None else filter_.since - AHEAD
    if filter_.state in (*BY_CHANGE, State.PROCESSING):
        query: dict[str, Any] = {"type": {"$in": leading_to(filter_.state)}}
        since = None if filter_.state is State.PROCESSING else since
    else:
        query = {"type": "enqueued"}
        query |= {} if filter_.queue is None else {"data.queue": filter_.queue}
        query |= {} if filter_.tag is None else {"data.tags": filter_.tag}
    return (one for one in past.back(query, since) if category_of(one.stream) == "job")


def _standing(past: Past, state: State | None, some: list[Mark]) -> list[Mark]:
    """Return those of some jobs' events after which, or after what came next, the job was in `state`."""
    if state is None:
        return some
    if some[0].type == "enqueued":
        ends = past.ends([one.stream for one in some])
        return [one for one in some if one.stream in ends and AFTER.get(ends[one.stream].type) is state]
    later = past.at([(one.stream, one.version + 1) for one in some])
    moved = {place for place, one in later.items() if was_by(one, past.moment)}
    return [one for one in some if (one.stream, one.version + 1) not in moved]


def folds(past: Past, streams: Iterable[str]) -> Mapping[str, Job]:
    """Return, by stream, the jobs as they were; each as far as its events can be read."""
    found = {stream: fold_readable(history) for stream, history in past.histories(list(streams)).items()}
    return {stream: job for stream, job in found.items() if job is not None}


def fold_readable(history: Iterable[bytes]) -> Job | None:
    """Return the job after its stored events, as a view has it: it stands still at one that cannot be read."""
    job: Job | None = None
    for raw in history:
        try:
            job = evolve(job, decode(raw))
        except LogCorrupt:
            break
    return job


def _fits(job: Job, filter_: Filter) -> bool:
    at = job.updated_at if filter_.state in BY_CHANGE else job.created_at
    return (
        filter_.state in (None, job.state)
        and filter_.queue in (None, job.queue)
        and (filter_.tag is None or filter_.tag in job.tags)
        and (filter_.since is None or at >= filter_.since)
        and (filter_.error is None or (job.last_error is not None and filter_.error in job.last_error.message))
    )


def _newest(job: Job) -> tuple[datetime, int, bytes]:
    return job.created_at, job.nth, job.id.encode()


class _Later(msgspec.Struct, frozen=True):
    """A mark that comes the sooner in order the later it is by its own time."""

    place: tuple[datetime, int, bytes]
    mark: Mark

    def __lt__(self, other: "_Later") -> bool:
        return self.place > other.place


def _newest_first(marks: Iterable[Mark]) -> Iterator[Mark]:
    """Yield marks, which come the last first as the log took them, in order of the events' own times."""
    held: list[_Later] = []
    for mark in marks:
        passed = EPOCH + (mark.ts.time if mark.ts else 0) * SECOND + AHEAD
        while held and held[0].place[0] > passed:
            yield heappop(held).mark
        heappush(held, _Later((mark.at, mark.nth, mark.stream.encode()), mark))
    while held:
        yield heappop(held).mark
