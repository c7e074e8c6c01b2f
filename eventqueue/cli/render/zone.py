"""Times as people are shown them: UTC, or with `--local` as the clocks of this machine have it. JSON has UTC always."""

from contextvars import ContextVar
from datetime import datetime

from eventqueue.cli.render.words import age
from eventqueue.model.figures import instant

IS_LOCAL: ContextVar[bool] = ContextVar("is_local", default=False)


def moment(at: datetime, timespec: str = "milliseconds") -> str:
    """Return a time as ISO 8601: UTC with `Z`, or in this machine's zone with how far that is from UTC."""
    if IS_LOCAL.get():
        try:
            return at.astimezone().isoformat(timespec=timespec)
        except (OverflowError, ValueError):  # at an end of the calendar, as somebody may have stamped an event
            pass
    return instant(at, timespec)


def with_age(at: datetime, now: datetime) -> str:
    """Return a time, and how long ago it was, or how long it is until then."""
    far = age(now - at) if at <= now else age(at - now)
    return f"{moment(at)}, {far} ago" if at <= now else f"{moment(at)}, in {far}"
