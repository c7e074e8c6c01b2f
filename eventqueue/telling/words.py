"""The words and figures in which things are said to people. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

from eventqueue.model.figures import DAY, HOUR, MINUTE, at_least, count, elapsed, instant, shortened, span

if TYPE_CHECKING:
    from eventqueue.model.progress import Progress
    from eventqueue.model.waits import Wait

# From below, where what explains a job needs them, too.
__all__ = ["at_least", "count", "elapsed", "instant", "shortened", "span"]

# As in eventqueue.model.job.State, which is slow to import; a test holds the two together.
STATES = ("pending", "processing", "completed", "failed", "dead", "cancelled")
TITLES: Mapping[str, str] = MappingProxyType({state: state.capitalize() for state in STATES})
COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "pending": "cyan",
        "scheduled": "cyan dim",
        "processing": "blue",
        "completed": "green",
        "failed": "yellow",
        "dead": "red",
        "cancelled": "dim",
    }
)

NOTE_MAX = 60  # characters of what a task says of how far it is

_UNITS = ("B", "kB", "MB", "GB", "TB")


def waiting(wait: "Wait", now: datetime) -> str:
    """Return what a job waits for, in a word or two."""
    match wait.kind:
        case "later":
            return f"in {age((wait.until or now) - now)}"
        case "unserved":
            return "no worker"
        case "unknown":
            return "task unknown"
        case kind:  # says it
            return kind


def far(progress: "Progress", task: str | None = None) -> str:
    """Return how far a task is, as it says, what tells most first: `40 %, 40 of 100, page 3`; `task`: which it is."""
    percent = None if progress.percent is None else f"{progress.percent} %"
    of = "" if progress.total is None else f" of {progress.total:g}"
    note = shortened(progress.note, NOTE_MAX) if progress.note else None
    return ", ".join(part for part in (percent, task, f"{progress.done:g}{of}", note) if part)


def sentence(*parts: str | None) -> str:
    """Return what there is of these parts, one after the other."""
    return "; ".join(part for part in parts if part)


def age(since: timedelta) -> str:
    """Return how long ago something was, in one figure: `5s`, `3m`, `2h`, `4d`."""
    seconds = max(0, int(since.total_seconds()))
    for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if seconds >= unit:
            return f"{seconds // unit}{name}"
    return f"{seconds}s"


def apart(at: datetime, now: datetime) -> str:
    """Return how long ago a time was, in one figure, or how long it is until then: `3 min ago`, `in 2 h 5 min`."""
    seconds = int(abs(now - at).total_seconds())
    if seconds < MINUTE:
        lasts = f"{seconds} s"
    elif at > now:
        lasts = span(seconds)
    else:
        unit, name = next((unit, name) for unit, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")) if seconds >= unit)
        lasts = f"{seconds // unit} {name}"
    if seconds == 0:
        return "now"
    return f"{lasts} ago" if at < now else f"in {lasts}"


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
