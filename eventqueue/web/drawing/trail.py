"""Who did what: the log's events that are asked for, the newest first, slice after slice.

Each slice looks at a bounded part of the log: where what is asked for is rare, it says how far it has come.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import msgspec

from eventqueue.api.bulk import Act
from eventqueue.audit.conditions import parse
from eventqueue.audit.wanted import Wanted
from eventqueue.model.events import EVENT_TYPES, OfMany, Retried, RetryCause
from eventqueue.model.figures import instant
from eventqueue.model.moments import moment_of
from eventqueue.model.readable import Read, Unreadable
from eventqueue.web.asked import Asked
from eventqueue.web.drawing.told import lines
from eventqueue.web.typed import passed

SIZE = 50
LOOKED_MAX = 100_000  # events of the log that one slice looks at
AHEAD = timedelta(minutes=10)  # of one machine's clock before another's

DEEDS = tuple(
    name
    for name in EVENT_TYPES
    if name in ("cancelled", "retried", "amended", "retry-amended", "paused", "resumed", "parked-retried")
    or name.endswith("ignored")
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
    found, is_all = _found(asked, trail)
    some, has_more = found[:SIZE], len(found) > SIZE or not is_all
    path, _, _ = asked.url.partition("?")
    return {
        "lines": lines(some),
        "kinds": sorted(EVENT_TYPES),
        "older": asked.link(path, **{**trail.fields, **_end(asked, trail, some[-1])}) if has_more and some else None,
        "newest": asked.link(path, **{**trail.fields, "until": None, "after": None}) if trail.after else None,
        "looked": None if is_all else LOOKED_MAX,
    }


def _found(asked: Asked, trail: Trail) -> tuple[Sequence[Read], bool]:
    """Return a slice and one more where there is one, and whether as much of the log was looked at as that takes."""
    looked, found = 0, list[Read]()

    def tell(number: int) -> None:
        nonlocal looked
        looked += number
        if looked > LOOKED_MAX:
            raise _Enough

    events = asked.queue.events(_wanted(asked, trail), reverse=True, progress=tell)
    wanted = _behind(filter(_is_deed, events) if trail.what == PEOPLE else events, trail.after)
    with suppress(_Enough):
        for one in islice(wanted, SIZE + 1):
            found.append(one)
        return found, True
    return found, False


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
    return passed(name, text, asked.now) if text else None


def _end(asked: Asked, trail: Trail, last: Read) -> Mapping[str, str]:
    """Return from where on the next slice is read: from the end of its second, in which times do not tell the order."""
    at, until = moment_of(last), _wanted(asked, trail).until
    if at is not None:
        end = at.replace(microsecond=999_000)
        until = end if until is None else min(until, end)
    return {"until": "" if until is None else instant(until), "after": _place(last)}


def _place(one: Read) -> str:
    return f"{one.stream}@{one.version}"


def _behind(found: Iterator[Read], after: str) -> Iterator[Read]:
    """Yield what comes behind the event that the slice before ended with, which is of the first second of these.

    However many are before it; where it is not there, as in an address that somebody made, a slice from the first on.
    """
    first: list[Read] = []
    for one in found if after else ():
        if _place(one) == after:
            first.clear()
            break
        if first and _second(one) != _second(first[0]):
            first.append(one)
            break
        if len(first) <= SIZE:
            first.append(one)
    yield from first
    yield from found


def _second(one: Read) -> datetime | None:
    at = moment_of(one)
    return None if at is None else at.replace(microsecond=0)
