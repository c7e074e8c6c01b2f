"""The events of one job, the newest first, some at a time."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import dropwhile, islice, pairwise

import msgspec

from eventqueue.audit.wanted import Wanted
from eventqueue.errors import JobNotFound
from eventqueue.model.events import OfMany, Recorded, stream_of, type_of
from eventqueue.model.readable import Read
from eventqueue.telling import documents
from eventqueue.telling.describe import describe
from eventqueue.telling.story import Story
from eventqueue.web.asked import Asked
from eventqueue.web.typed import version

SHOWN = 100  # events on a page
LATE_MAX = 10
DATA_MAX = 6000  # characters of one event's data


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is shown; of one that cannot be read `problem` says why, and the rest is not known."""

    version: int
    at: datetime | None = None
    after: float | None = None  # seconds since the one before
    type: str = ""
    actor: str = ""
    text: str = ""
    act: str | None = None
    data: str = ""
    more: int = 0  # characters of data that are not shown
    hash: str = ""
    problem: str | None = None


class Part(msgspec.Struct, frozen=True):
    """Some events of a job; the version before which there are older ones, None where there are none."""

    lines: Sequence[Line]
    older: int | None
    is_newest: bool
    is_broken: bool = False  # not all of the job can be read


def part(asked: Asked, told: Story) -> Part:
    """Return those events that are asked for."""
    before = version(asked, "before")
    if before is None:
        known: Sequence[Recorded] = [*([] if told.before is None else [told.before]), *told.events]
    else:
        known = asked.seen.history(told.job.id, last=SHOWN + 1, before=before)
    return _part(known, is_newest=before is None)


def as_stored(asked: Asked) -> Part:
    """As `part`, of a job with events that cannot be read. Raises JobNotFound."""
    before, stream = version(asked, "before"), stream_of("job", asked.path["id"])
    wanted = Wanted(streams=(stream,), until=None if asked.then is None else asked.time)
    found = asked.queue.events(wanted, reverse=True)
    rest = dropwhile(lambda one: before is not None and one.version >= before, found)
    known = [*islice(rest, SHOWN + 1)]
    if not known and before is None:
        raise JobNotFound(asked.path["id"])
    return msgspec.structs.replace(_part(known[::-1], is_newest=before is None), is_broken=True)


def late(asked: Asked, job_id: str) -> Sequence[Line]:
    """Return what came from workers after their claims had ended, which counts for nothing: the last few of it."""
    wanted = Wanted(streams=(stream_of("late", job_id),), until=None if asked.then is None else asked.time)
    found = islice(asked.queue.events(wanted, reverse=True), LATE_MAX)
    return [*_lines([None, *[*found][::-1]])]


def _part(known: Sequence[Read], *, is_newest: bool) -> Part:
    some = known[-SHOWN - 1 :]
    lines = [*_lines(some)] if len(some) > SHOWN else [*_lines([None, *some])]
    older = known[-SHOWN].version if len(known) > SHOWN else None
    return Part(lines[::-1], older, is_newest)


def _lines(some: Iterable[Read | None]) -> Iterator[Line]:
    for previous, one in pairwise(some):
        if isinstance(one, Recorded):
            yield _line(one, previous if isinstance(previous, Recorded) else None)
        elif one is not None:
            yield Line(version=one.version, problem=one.problem)


def _line(one: Recorded, previous: Recorded | None) -> Line:
    whole = documents.event(one, previous)
    data = msgspec.json.format(msgspec.json.encode(whole["data"]), indent=2).decode()
    return Line(
        version=one.version,
        at=one.at,
        after=whole["after"],
        type=type_of(one.event),
        actor=one.actor,
        text=describe(one),
        act=one.event.act if isinstance(one.event, OfMany) else None,
        data=data[:DATA_MAX],
        more=max(0, len(data) - DATA_MAX),
        hash=whole["hash"],
    )
