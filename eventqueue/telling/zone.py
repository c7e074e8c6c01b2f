"""Times as people are shown them: UTC, or with `--local` as the clocks of this machine have it. JSON has UTC always."""

from datetime import datetime

from eventqueue.model.figures import AS_SHOWN, moment
from eventqueue.telling.words import age

__all__ = ["moment"]  # from below, where what explains a job needs it, too


def show_times(*, is_local: bool) -> None:
    """Have all times be shown so from now on, in this context."""
    AS_SHOWN.set(datetime.astimezone if is_local else None)


def with_age(at: datetime, now: datetime) -> str:
    """Return a time, and how long ago it was, or how long it is until then."""
    far = age(now - at) if at <= now else age(at - now)
    return f"{moment(at)}, {far} ago" if at <= now else f"{moment(at)}, in {far}"
