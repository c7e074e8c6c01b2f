"""Who did what: the log's events that are asked for, the newest first, slice after slice.

Each slice looks at a bounded part of the log: where what is asked for is rare, it says how far it has come.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec

from eventqueue.api.bulk import Act
from eventqueue.audit.conditions import parse
from eventqueue.audit.wanted import Wanted
from eventqueue.errors import InvalidInput
from eventqueue.model import times
from eventqueue.model.events import EVENT_TYPES, OfMany, Retried, RetryCause
from eventqueue.model.figures import instant
from eventqueue.model.moments import moment_of
from eventqueue.model.readable import Read, Unreadable
from eventqueue.system.zones import zone
from eventqueue.web.asked import Asked
from eventqueue.web.drawing.told import lines

SIZE = 50
LOOKED_MAX = 100_000  # events of the log that one slice looks at
SAME_MAX = 2000  # of one moment, that are passed over to where the slice before ended
AHEAD = timedelta(minutes=10)  # of one machine's clock before another's

DEEDS = tuple(
    name
    for name in EVENT_TYPES
    if name in ("cancelled", "retried", "amended", "retry-amended", "paused", "resumed", "parked-retried")
    or name.startswith(("config-", "act-", "schedule-", "worker-stop", "views-"))
)
"""What people do, and machines now and then: see `_is_deed`."""
MACHINES = ("worker/", "supervisor/", "projector/", "ticker/")

PEOPLE = "acts"
SLACK = timedelta(seconds=2)  # of the second in which the log took an event before its own time


class Trail(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for, as it was typed. `what`: acts of people, all, or one type; `after`: behind this event."""

    what: str = PEOPLE
    actor: str = ""
    queue: str = ""
    since: str = ""
    until: str = ""
    after: str = ""
    act: str = ""

    @property
    def fields(self) -> Mapping[str, str]:
        """The parameters of an address that asks for it, without those that are as they always are."""
        given = {name: getattr(self, name) for name in ("what", "actor", "queue", "since", "until", "after")}
        return {name: value for name, value in given.items() if value and (name, value) != ("what", PEOPLE)}


class _Enough(Exception):
    """So much was looked at."""


def trail_of(asked: Asked) -> Trail:
    """Return what a request asks for."""
    given = {name: asked.query.get(name, "").strip() for name in ("actor", "queue", "since", "until", "after")}
    return Trail(what=asked.query.get("what") or PEOPLE, **given)


def trail_of_act(asked: Asked, act: Act) -> Trail:
    """Return what the log tells of the jobs of an act on many, from when to when it went on."""
    until = asked.query.get("until") or instant((act.ended_at or asked.now) + AHEAD)
    after = asked.query.get("after", "")
    return Trail(what="all", act=act.id, since=instant(act.begun_at - SLACK), until=until, after=after)


def read(asked: Asked, trail: Trail) -> dict[str, Any]:
    """Return what `trail.html` shows. Raises InvalidInput."""
    key = ("trail", *msgspec.structs.astuple(trail))
    return _read(asked, trail) if asked.then else asked.once(key, lambda: _read(asked, trail))


def _read(asked: Asked, trail: Trail) -> dict[str, Any]:
    looked, some, has_more, is_all = 0, list[Read](), False, True

    def tell(number: int) -> None:
        nonlocal looked
        looked += number
        if looked > LOOKED_MAX:
            raise _Enough

    events = asked.queue.events(_wanted(asked, trail), reverse=True, progress=tell)
    found = _behind(filter(_is_deed, events) if trail.what == PEOPLE else events, trail.after)
    try:
        some.extend(islice(found, SIZE))
        has_more = len(some) == SIZE and next(found, None) is not None
    except _Enough:
        has_more, is_all = len(some) > 0, False
    path, _, _ = asked.url.partition("?")
    return {
        "lines": lines(some),
        "kinds": sorted(EVENT_TYPES),
        "older": asked.link(path, **{**trail.fields, **_end(some[-1])}) if has_more and some else None,
        "newest": asked.link(path, **{**trail.fields, "until": None, "after": None}) if trail.after else None,
        "looked": None if is_all else LOOKED_MAX,
    }


def _is_deed(one: Read) -> bool:
    """Whether somebody did it: no retry whose time has come, and nothing that an act on many jobs tells of already."""
    if isinstance(one, Unreadable):
        return True
    event = one.event
    is_by_itself = one.actor.startswith(MACHINES) or (isinstance(event, Retried) and event.cause is RetryCause.BACKOFF)
    return not is_by_itself and not (isinstance(event, OfMany) and event.act is not None)


def _wanted(asked: Asked, trail: Trail) -> Wanted:
    since, until = (_time(asked, name, getattr(trail, name)) for name in ("since", "until"))
    latest = asked.time if asked.then else asked.now + AHEAD  # what is stamped later still is for an audit to tell
    return Wanted(
        since=since,
        until=min(until or latest, latest),
        types=DEEDS if trail.what == PEOPLE else () if trail.what == "all" else (trail.what,),
        actor=trail.actor or None,
        queue=trail.queue or None,
        where=(parse(f"data.act={trail.act}"),) if trail.act else (),
    )


def _time(asked: Asked, name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        return times.meant_at(times.typed(text, UTC, zone), asked.now)
    except (ValueError, OverflowError):
        raise InvalidInput(
            name, f"{text[:100]!r} is no time: give one such as 2026-11-28T03:12, 10m (ago), 03:12"
        ) from None


def _end(last: Read) -> Mapping[str, str]:
    at = moment_of(last)
    return {"until": "" if at is None else instant(at), "after": f"{last.stream}@{last.version}"}


def _behind(found: Iterator[Read], after: str) -> Iterator[Read]:
    """Yield what comes behind the event that the slice before ended with, which is among the first of these."""
    if not after:
        yield from found
        return
    first = list(islice(found, SAME_MAX))
    places = [f"{one.stream}@{one.version}" for one in first]
    yield from first[places.index(after) + 1 if after in places else 0 :]
    yield from found
