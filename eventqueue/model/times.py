"""Times as people type them: a moment, how long ago or from now, or a time of some day. Pure.

One grammar for all that is typed: what looks back takes `10m` for ten minutes ago, what looks ahead for in ten minutes;
with a sign it is the same for both. A zone is an offset, or stands by its name behind all else: `18:00 Europe/Berlin`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo

from eventqueue.model.durations import seconds_in

DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}
_OF_DAY = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?(Z|[+-][0-9]{2}:[0-9]{2})?")
_NAMED = re.compile(r"(?P<time>\S.*) (?P<zone>[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*)")

Zones = Callable[[str], tzinfo]
"""Returns the zone of a name. Raises whatever it does for one that is none's."""


@dataclass(frozen=True, slots=True)
class OnDay:
    """A time of the day that is so many `days` from today."""

    days: int
    of_day: time


Typed = datetime | timedelta | time | OnDay
"""A moment as it is typed: itself, how long ago (from now: less than nothing), or a time of the day, of whichever."""


class NoZone(ValueError):
    """A time has no zone, and none is taken for it."""


def typed(text: str, zone: tzinfo | None, zones: Zones, *, ahead: bool = False) -> Typed:
    """Return the time in a text; one without a zone is of `zone`.

    `ahead`: a duration without a sign is from now, and not ago. Raises NoZone where there is no zone, what `zones` does
    for one that it does not know, and ValueError or OverflowError for what is no time.
    """
    if text == "now":
        return timedelta(0)
    sign, rest = (text[:1], text[1:]) if text[:1] in ("+", "-") else ("+" if ahead else "-", text)
    if (seconds := seconds_in(rest)) is not None:
        return timedelta(seconds=seconds if sign == "-" else -seconds)
    if named := _NAMED.fullmatch(text):
        return _by_clock(named["time"], zones(named["zone"]), is_named=True)
    return _by_clock(text, zone)


def _by_clock(text: str, zone: tzinfo | None, *, is_named: bool = False) -> Typed:
    if _OF_DAY.fullmatch(text):
        return _of_day(text, zone, is_named=is_named)
    day, _, of_day = text.partition(" ")
    if day in DAYS and (not of_day or _OF_DAY.fullmatch(of_day)):
        return OnDay(DAYS[day], _of_day(of_day or "00:00", zone, is_named=is_named))
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=_zone_of(at, zone, is_named=is_named)).astimezone(UTC)


def meant_at(one: Typed, now: datetime, *, ahead: bool = False) -> datetime:
    """Return the time that is meant at `now`; of a time of the day the last one, or `ahead` the next.

    Raises OverflowError for one beyond the calendar.
    """
    day = timedelta(days=1)
    match one:
        case datetime():
            return one
        case timedelta():
            return now - one
        case OnDay():
            return (datetime.combine(now.astimezone(one.of_day.tzinfo), one.of_day) + one.days * day).astimezone(UTC)
        case time():
            here = now.astimezone(one.tzinfo)
            if ahead:
                return min(at for at in (*_shown(here, one), *_shown(here + day, one)) if at >= now)
            return max(at for at in (*_shown(here - day, one), *_shown(here, one)) if at <= now)


def _shown(day: datetime, of_day: time) -> Sequence[datetime]:
    """Return when a clock shows a time on a day: twice where it is put back over it."""
    first, second = (datetime.combine(day, of_day.replace(fold=fold)).astimezone(UTC) for fold in (0, 1))
    return (first, second) if first < second else (first,)


def _of_day(text: str, zone: tzinfo | None, *, is_named: bool) -> time:
    found = time.fromisoformat(text)
    return found.replace(tzinfo=_zone_of(found, zone, is_named=is_named))


def _zone_of(found: datetime | time, zone: tzinfo | None, *, is_named: bool) -> tzinfo:
    if found.tzinfo is not None:
        if is_named:
            raise ValueError("it has two time zones")
        return found.tzinfo
    if zone is None:
        raise NoZone("it has no time zone")
    return zone
