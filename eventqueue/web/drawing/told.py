"""Events of whatever streams as rows of a page: when, who, what, and the page of what it happened to."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from urllib.parse import quote

import msgspec

from eventqueue.audit.wanted import Wanted
from eventqueue.model.events import OfMany, category_of, name_in, type_of
from eventqueue.model.moments import moment_of
from eventqueue.model.readable import Read, Unreadable
from eventqueue.telling.describe import describe
from eventqueue.telling.words import shortened
from eventqueue.web.asked import Asked

PAGES: Mapping[str, str] = {
    "job": "/jobs/",
    "late": "/jobs/",
    "queue": "/queues/",
    "schedule": "/schedules/",
    "worker": "/workers/",
    "act": "/audit/acts/",
}


SAID_MAX = 300  # characters of what is told of one: rows are kept for all tabs


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An event in a list. `page`: of what it happened to, None where there is none; `type` None: it cannot be read."""

    key: str
    at: datetime | None
    actor: str | None
    type: str | None
    stream: str
    category: str  # of the stream, and what of it, by name
    name: str
    page: str | None
    said: str
    act: str | None = None  # the act on many jobs that it is of


def lines(found: Iterable[Read]) -> Sequence[Line]:
    """Return events as rows, in their order."""
    return [_line(one) for one in found]


def history(asked: Asked, stream: str, most: int) -> Sequence[Line]:
    """Return the newest so many events of a stream as rows, the last first, by the moment that is looked at."""
    wanted = Wanted(streams=(stream,), until=None if asked.then is None else asked.then.moment)

    def find() -> Sequence[Line]:
        return lines(islice(asked.queue.events(wanted, reverse=True), most))

    return find() if asked.then else asked.once(("history", stream, most), find)


def _line(one: Read) -> Line:
    category = category_of(one.stream)
    page = f"{PAGES[category]}{quote(name_in(one.stream), safe='')}" if category in PAGES else None
    return Line(
        key=f"{one.stream} {one.version}",
        at=moment_of(one),
        actor=one.actor if not isinstance(one, Unreadable) else None,
        type=type_of(one.event) if not isinstance(one, Unreadable) else None,
        stream=one.stream,
        category=category,
        name=name_in(one.stream),
        page=page,
        said=shortened(one.problem if isinstance(one, Unreadable) else describe(one), SAID_MAX),
        act=one.event.act if not isinstance(one, Unreadable) and isinstance(one.event, OfMany) else None,
    )
