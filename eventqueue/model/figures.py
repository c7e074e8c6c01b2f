"""Numbers, times and durations as people read them. Pure."""

from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from math import isfinite

# How times are put before people are shown them, such as by the clocks of their machine; None: they are left in UTC.
AS_SHOWN: ContextVar[Callable[[datetime], datetime] | None] = ContextVar("as_shown", default=None)

MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds


def shortened(text: str, most: int) -> str:
    """Return `text`, cut to `most` characters with an ellipsis as the last."""
    return text if len(text) <= most else text[: most - 1] + "…"


def count(number: int, what: str, many: str | None = None) -> str:
    """Return `1 job` or `1,000 jobs`; `many` is the plural where it is not just an s more."""
    return f"{number:,} {what if number == 1 else many or f'{what}s'}"


def at_least(number: int, most: int, what: str) -> str:
    """Return as `count`, or `1,000 jobs or more` where no more than `most` were counted."""
    return f"{count(number, what)}{' or more' if number >= most else ''}"


def instant(at: datetime, timespec: str = "milliseconds") -> str:
    """Return a time as ISO 8601, UTC, with `Z`."""
    return at.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def moment(at: datetime, timespec: str = "milliseconds") -> str:
    """Return a time as people are shown it: as `instant`, or in the zone they asked for, with how far that is off."""
    if (turn := AS_SHOWN.get()) is not None:
        try:
            return turn(at).isoformat(timespec=timespec)
        except (OverflowError, ValueError):  # at an end of the calendar, as somebody may have stamped an event
            pass
    return instant(at, timespec)


def elapsed(since: datetime, until: datetime) -> float:
    """Return how many seconds lie between two times: none where they are of clocks of which one is a little ahead."""
    return max(0.0, (until - since).total_seconds())


def span(seconds: float) -> str:
    """Return a duration in two figures or so: `0.4 ms`, `12 ms`, `1.2 s`, `3 min 4 s`, `2 h 5 min`, `3 d 4 h`."""
    if not isfinite(seconds):  # which an event can hold
        return f"{seconds} s"
    if 0 < seconds < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    for unit, name, part, part_name in (
        (DAY, "d", HOUR, "h"),
        (HOUR, "h", MINUTE, "min"),
        (MINUTE, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // part
            return f"{whole // unit} {name} {rest} {part_name}" if rest else f"{whole // unit} {name}"
    raise AssertionError("60 seconds are a minute")
