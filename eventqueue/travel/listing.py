"""Which jobs there were at a moment, in the order of the live lists: found where the log tells of them, back from then.

All, pending and completed ones by their `enqueued`, the newest first; failed, dead, cancelled and processing ones by
the events that make them that, of which one counts if its stream had no later event by then. Some hundred at a time:
what is listed first is read first, and nothing is read that is not looked at.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from heapq import heappop, heappush
from itertools import dropwhile, islice
from typing import Any

import msgspec

from eventqueue.audit.fitting import BY_THEIR_END, fits, place_of
from eventqueue.errors import LogCorrupt
from eventqueue.model.codec import EPOCH, decode
from eventqueue.model.events import category_of
from eventqueue.model.job import Job, State, evolve
from eventqueue.model.marks import Mark
from eventqueue.model.moments import AHEAD, SECOND, was_by
from eventqueue.mongo.past import Past
from eventqueue.ports.views import Filter
from eventqueue.travel.moves import AFTER, leading_to

PAGE, PAGE_MAX = 200, 1000  # jobs that are looked at together


def listed(past: Past, filter_: Filter, how_many: Callable[[], int]) -> Iterator[Job]:
    """Yield the jobs that `filter_` lets through, whatever its limit. Raises Unavailable.

    `how_many` returns how many jobs of the filter's queue were in its state: once all are found nothing more is read.
    """
    found = _counted(_found(past, filter_), filter_, how_many)
    if filter_.state is State.PROCESSING:
        found = iter(sorted(found, key=lambda job: place_of(job, filter_), reverse=True))
    if filter_.after is not None:
        found = islice(dropwhile(lambda job: job.id != filter_.after, found), 1, None)
    return (job for job in found if fits(job, filter_))


def _counted(pages: Iterator[list[Job]], filter_: Filter, how_many: Callable[[], int]) -> Iterator[Job]:
    """Yield what is found until it is all there is; how much that is, is asked once the first page has not sufficed."""
    is_countable = not filter_.every_tag or _is_by_change(filter_)
    number, all_ = 0, None
    for page in pages:
        yield from page
        number += len(page)
        all_ = how_many() if is_countable and all_ is None else all_
        if all_ is not None and number >= all_:
            return


def _found(past: Past, filter_: Filter) -> Iterator[list[Job]]:
    """Yield the jobs of the filter's queue that were in its state, page by page."""
    for some in _newest_first(_candidates(past, filter_), min(filter_.limit or PAGE, PAGE)):
        standing = _standing(past, filter_.state, some) if some else ()
        jobs = folds(past, [one.stream for one in standing])
        yield [job for one in standing if (job := jobs.get(one.stream)) is not None and _is_of(job, filter_)]


def _candidates(past: Past, filter_: Filter) -> Iterator[Iterator[Mark]]:
    since = None if filter_.since is None else filter_.since - AHEAD
    if filter_.state is not None and _is_by_change(filter_):
        query: dict[str, Any] = {"type": {"$in": leading_to(filter_.state)}}
        since = None if filter_.state is State.PROCESSING else since
    else:
        query = {"type": "enqueued"}
        query |= {} if filter_.queue is None else {"data.queue": filter_.queue}
        query |= {"data.tags": filter_.every_tag[0]} if filter_.every_tag else {}
    return (filter(_is_of_a_job, window) for window in past.back(query, since))


def _is_of_a_job(one: Mark) -> bool:
    return category_of(one.stream) == "job"


def _is_by_change(filter_: Filter) -> bool:
    return filter_.state in (*BY_THEIR_END, State.PROCESSING)


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


def _is_of(job: Job, filter_: Filter) -> bool:
    return filter_.state in (None, job.state) and filter_.queue in (None, job.queue)


class _Later(msgspec.Struct, frozen=True):
    """A mark that comes the sooner in order the later it is by its own time."""

    place: tuple[datetime, int, bytes]
    mark: Mark

    def __lt__(self, other: "_Later") -> bool:
        return self.place > other.place


def _newest_first(windows: Iterable[Iterable[Mark]], size: int) -> Iterator[list[Mark]]:
    """Yield marks, which come the last first as the log took them, in order of the events' own times.

    In pages of `size` and more, and one at the end of each window, which may be empty: so whoever waits for a few among
    millions hears of it.
    """
    held: list[_Later] = []
    page: list[Mark] = []
    for window in windows:
        for mark in window:
            passed = EPOCH + (mark.ts.time if mark.ts else 0) * SECOND + AHEAD
            while held and held[0].place[0] > passed:
                page.append(heappop(held).mark)
            heappush(held, _Later((mark.at, mark.nth, mark.stream.encode()), mark))
            if len(page) >= size:
                yield page
                page, size = [], min(2 * size, PAGE_MAX)
        yield page
        page = []
    yield [heappop(held).mark for _ in range(len(held))]
