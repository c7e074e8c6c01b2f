"""From what a clock shows to when it shows it: the hour that is left out, and the one that comes twice. Pure.

As those who use cron expect it, a job that runs at a time of the day runs once a day: where the clock leaves its time
out, right after that; where the clock shows it twice, the first time. One that runs in each hour runs whenever the
clock shows its minute. (Debian's cron does so.)
"""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo

DAY = timedelta(days=1)


def shown_before(moment: datetime, zone: tzinfo) -> datetime:
    """Return a time, without a zone, before all that a clock shows after `moment`, though it be set back meanwhile."""
    set_back = abs(_offset(moment - DAY, zone) - _offset(moment + DAY, zone))
    return moment.astimezone(zone).replace(tzinfo=None, fold=0) - set_back


def once_each(shown: Iterable[datetime], zone: tzinfo) -> Iterator[datetime]:
    """Yield when a clock first shows each of these times or, where it shows one never, the next moment; in UTC.

    The times are in order, and so is what is yielded; what comes to the same moment is one.
    """
    before = None
    for time in shown:
        at = _when(time, zone, 0)
        found = at if _shows(at, zone) == time else _end_of_gap(at, zone)
        if found != before:
            yield found
        before = found


def passing(shown: Iterable[datetime], zone: tzinfo) -> Iterator[datetime]:
    """Yield each moment at which a clock shows one of these times, however often, in order, in UTC."""
    again: deque[datetime] = deque()  # of times that come twice, when they do so for the second time
    for time in shown:
        first, second = _when(time, zone, 0), _when(time, zone, 1)
        while again and again[0] < first:
            yield again.popleft()
        if _shows(first, zone) == time:
            yield first
            if second != first:
                again.append(second)


def _when(time: datetime, zone: tzinfo, fold: int) -> datetime:
    return time.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _shows(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta(0)


def _end_of_gap(at: datetime, zone: tzinfo) -> datetime:
    """Return when the clock was put forward by which the time of `at` was left out: `at` is behind that, in UTC."""
    low, high = at - DAY, at
    after = _offset(high, zone)
    # Zones change at whole seconds, and none twice in a day.
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        middle -= timedelta(microseconds=middle.microsecond)
        low, high = (low, middle) if _offset(middle, zone) == after else (middle, high)
    return high
