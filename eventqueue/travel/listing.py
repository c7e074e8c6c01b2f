"""Which jobs there were at a moment, in the order of the live lists: found where the log tells of them, back from then.

All, pending and completed ones by their `enqueued`, the newest first, and where it is those of a queue or a tag also by
what put them there later; failed, dead and cancelled ones, and those that are processing alone, by the events that make
them that, of which one counts if its stream had no later event by then. Of several states all are found by their
`enqueued` if those of one are listed by it. Some hundred at a time: what is listed first is read first, and nothing is
read that is not looked at.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from heapq import heappop, heappush
from itertools import dropwhile, islice
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec

from eventqueue.audit.fitting import Place, fits, is_by_end, place_of
from eventqueue.errors import LogCorrupt
from eventqueue.model.codec import EPOCH, decode
from eventqueue.model.events import category_of
from eventqueue.model.job import Job, State, evolve
from eventqueue.model.marks import Mark
from eventqueue.model.moments import AHEAD, SECOND, was_by
from eventqueue.mongo.past import Past
from eventqueue.ports.views import Filter
from eventqueue.travel.moves import AFTER, AMENDING, leading_to

PAGE, PAGE_MAX = 200, 1000  # jobs that are looked at together


def listed(past: Past, filter_: Filter, how_many: Callable[[], int]) -> Iterator[Job]:
    """Yield the jobs that `filter_` lets through, whatever its limit. Raises Unavailable.

    `how_many` returns how many jobs of the filter's queue were in its states: once all are found nothing more is read.
    """
    pages = _counted(_found(past, filter_), filter_, how_many)
    if filter_.any_state == (State.PROCESSING,):
        found = iter(sorted((one.job for one in pages), key=lambda job: place_of(job, filter_), reverse=True))
    else:
        found = _in_order(pages, filter_)
    if filter_.after is not None:
        found = islice(dropwhile(lambda job: job.id != filter_.after, found), 1, None)
    return (job for job in found if fits(job, filter_))


class _Found(NamedTuple):
    """A job, and whether it was found later than by its place among the others: by what put it into a queue."""

    job: Job
    is_moved: bool


def _in_order(found: Iterable[_Found], filter_: Filter) -> Iterator[Job]:
    """Yield jobs, those that were found too early when their turn comes."""
    held: list[tuple[Place, Job]] = []
    for job, is_moved in found:
        if is_moved:
            held.append((place_of(job, filter_), job))
            held.sort(key=itemgetter(0))
            continue
        while held and held[-1][0] > place_of(job, filter_):
            yield held.pop()[1]
        yield job
    yield from (job for _, job in reversed(held))


def _counted(pages: Iterator[list[_Found]], filter_: Filter, how_many: Callable[[], int]) -> Iterator[_Found]:
    """Yield what is found until it is all there is; how much that is, is asked once the first page has not sufficed."""
    is_countable = not filter_.every_tag or _is_by_change(filter_)
    number, all_ = 0, None
    for page in pages:
        yield from page
        number += len(page)
        all_ = how_many() if is_countable and all_ is None else all_
        if all_ is not None and number >= all_:
            return


def _found(past: Past, filter_: Filter) -> Iterator[list[_Found]]:
    """Yield the jobs of the filter's queue that were in its states, page by page."""
    moved: set[str] = set()
    for page in _newest_first(_candidates(past, filter_), min(filter_.limit or PAGE, PAGE)):
        some = page if _is_by_change(filter_) else [one for one in page if _is_first(one, moved)]
        standing = _standing(past, filter_, some) if some else ()
        jobs = folds(past, [one.stream for one in standing])
        found = [(one, job) for one in standing if (job := jobs.get(one.stream)) is not None]
        yield [_Found(job, one.stream in moved) for one, job in found if _is_of(job, filter_)]


def _is_first(one: Mark, moved: set[str]) -> bool:
    """Whether a job is met for the first time; `moved`: those met by what moved them, which may come again."""
    is_first = one.stream not in moved
    if one.type in AMENDING:
        moved.add(one.stream)
    return is_first


def _candidates(past: Past, filter_: Filter) -> Iterator[Iterator[Mark]]:
    since = None if filter_.since is None else filter_.since - AHEAD
    if _is_by_change(filter_):
        query: dict[str, Any] = {"type": {"$in": leading_to(*filter_.any_state)}}
        since = since if is_by_end(filter_) else None
    else:
        query = _placing(filter_)
    return (filter(_is_of_a_job, window) for window in past.back(query, since))


def _placing(filter_: Filter) -> dict[str, Any]:
    """Return what finds the events that put a job where the filter looks for it: as it was enqueued, or later."""
    by = {"queue": filter_.queue, "tags": filter_.every_tag[0] if filter_.every_tag else None}
    asked = {field: value for field, value in by.items() if value is not None}
    begun = {"type": "enqueued", **{f"data.{field}": value for field, value in asked.items()}}
    later = [{"type": {"$in": AMENDING}, f"data.now.{field}": value} for field, value in asked.items()]
    return {"$or": [begun, *later]} if later else begun


def _is_of_a_job(one: Mark) -> bool:
    return category_of(one.stream) == "job"


def _is_by_change(filter_: Filter) -> bool:
    return is_by_end(filter_) or filter_.any_state == (State.PROCESSING,)


def _standing(past: Past, filter_: Filter, some: list[Mark]) -> list[Mark]:
    """Return those of some jobs' events after which, or after what came next, the job was in a state of the filter."""
    if not filter_.any_state:
        return some
    if not _is_by_change(filter_):
        ends = past.ends([one.stream for one in some])
        return [one for one in some if one.stream in ends and AFTER.get(ends[one.stream].type) in filter_.any_state]
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
    return (not filter_.any_state or job.state in filter_.any_state) and filter_.queue in (None, job.queue)


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
