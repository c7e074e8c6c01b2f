"""The words and figures in which things are said to people. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eventqueue.model.waits import Wait

# As in eventqueue.model.job.State, which is slow to import; a test holds the two together.
STATES = ("pending", "processing", "completed", "failed", "dead", "cancelled")
TITLES: Mapping[str, str] = MappingProxyType({state: state.capitalize() for state in STATES})

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_UNITS = ("B", "kB", "MB", "GB", "TB")


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


def span(seconds: float) -> str:
    """Return a duration in two figures or so: `0.4 ms`, `12 ms`, `1.2 s`, `3 min 4 s`, `2 h 5 min`, `3 d 4 h`."""
    if 0 < seconds < 0.00995:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    for unit, name, part, part_name in (
        (_DAY, "d", _HOUR, "h"),
        (_HOUR, "h", _MINUTE, "min"),
        (_MINUTE, "min", 1, "s"),
    ):
        if whole >= unit:
            rest = whole % unit // part
            return f"{whole // unit} {name} {rest} {part_name}" if rest else f"{whole // unit} {name}"
    raise AssertionError("60 seconds are a minute")


def waiting(wait: "Wait", now: datetime) -> str:
    """Return what a job waits for, in a word or two."""
    match wait.kind:
        case "later":
            return f"in {span(((wait.until or now) - now).total_seconds())}"
        case "unserved":
            return "no worker"
        case kind:  # says it
            return kind


def age(since: timedelta) -> str:
    """Return how long ago something was, in one figure: `5s`, `3m`, `2h`, `4d`."""
    seconds = max(0, int(since.total_seconds()))
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "m")):
        if seconds >= unit:
            return f"{seconds // unit}{name}"
    return f"{seconds}s"


def sizes(found: dict[str, int | None]) -> str:
    """Return the sizes in words."""
    parts = [f"{name} {size_of(size)}" for name, size in found.items() if name != "each_job"]
    each = found["each_job"]
    return ", ".join(parts) + (f"; {size_of(each)} a job" if each is not None else "")


def size_of(size: int | None) -> str:
    """Return a number of bytes with a fitting unit."""
    if size is None:
        return "unknown"
    amount = float(size)
    for unit in _UNITS:
        if amount < 1000 or unit == _UNITS[-1]:
            return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError("returned above")
