"""When the ticks of a schedule are: of a cron expression by the clocks of a zone, or of a fixed span. Pure.

What a cron expression means on a clock that is never changed is cronsim's business. What becomes of the hour that is
left out in spring, and of the one that comes twice in autumn, is decided in `clocks.py`.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import count, islice, takewhile

import msgspec
from cronsim import CronSim, CronSimError

from eventqueue.errors import InvalidInput
from eventqueue.model.codec import EPOCH
from eventqueue.model.retry import LONGEST_S
from eventqueue.schedules import clocks

END = datetime(9000, 1, 1, tzinfo=UTC)  # no job runs later, and no calendar goes much further
CRON_MAX = 256  # characters
LEAST_S = 1.0
MS = timedelta(milliseconds=1)
_FIELDS = "its five fields are minute, hour, day of month, month and day of week, such as */5 * * * *"
_FIRST_REACH, _FURTHER = timedelta(hours=1), 4


class Cron(msgspec.Struct, frozen=True):
    """A cron expression, by the clocks of a zone; `is_hourly`: it holds in each hour of a day."""

    expression: str
    zone: tzinfo
    is_hourly: bool

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the ticks after a moment, in order, in UTC; none where it fits no time in fifty years."""
        if moment >= END:
            return iter(())
        begin = clocks.shown_before(max(moment, EPOCH), self.zone)
        found = clocks.passing if self.is_hourly else clocks.once_each
        return (at for at in _to_the_end(found(CronSim(self.expression, begin), self.zone)) if at > moment)


class Every(msgspec.Struct, frozen=True):
    """A span of time, counted from 1970 in UTC: so all who look mean the same ticks."""

    span: timedelta

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the ticks after a moment, in order, in UTC."""
        if moment >= END:
            return iter(())
        return _to_the_end(EPOCH + number * self.span for number in count((moment - EPOCH) // self.span + 1))


Rule = Cron | Every


def _to_the_end(ticks: Iterable[datetime]) -> Iterator[datetime]:
    return takewhile(lambda at: at < END, ticks)


_ZONELESS = datetime(1970, 1, 1)  # noqa: DTZ001 - the times of an expression are in no zone


def cron(expression: str, zone: tzinfo) -> Cron:
    """Return the rule of a cron expression. Raises InvalidInput for one that is none, or that fits no time."""
    if len(expression) > CRON_MAX:
        raise InvalidInput("cron", f"has {len(expression):,} characters; {CRON_MAX} are the most")
    fields = expression.split()
    if len(fields) != 5:
        raise InvalidInput("cron", f"{expression!r} is no cron expression: {_FIELDS}")
    try:
        parsed = CronSim(expression, _ZONELESS)
    except (CronSimError, ValueError, AssertionError) as error:
        raise InvalidInput("cron", f"{expression!r} is no cron expression ({_lower(error)}): {_FIELDS}") from None
    rule = Cron(" ".join(fields), zone, is_hourly=len(parsed.hours) == 24)
    if next(rule.after(EPOCH), None) is None:
        raise InvalidInput("cron", f"{expression!r} fits no day of any year")
    return rule


def every(span: timedelta) -> Every:
    """Return the rule of a span. Raises InvalidInput as `span_of`."""
    return Every(span_of(span.total_seconds()) // MS * MS)


def span_of(seconds: float) -> timedelta:
    """Return a span of so many seconds. Raises InvalidInput for one below a second, or beyond a century."""
    if not LEAST_S <= seconds <= LONGEST_S:
        raise InvalidInput("every", "must be a second or more, and a hundred years at most, such as 10m")
    return timedelta(seconds=seconds)


def latest(rule: Rule, after: datetime, until: datetime, most: int) -> list[datetime]:
    """Return the last `most` ticks behind `after` up to `until`, in order, however long ago `after` is."""
    reach = _FIRST_REACH
    while True:
        begin = max(after, until - reach) if until - after > reach else after
        # Of a dense rule the first look has them all, and a sparse one has few in any.
        found = deque(takewhile(lambda at: at <= until, rule.after(begin)), maxlen=most)
        if len(found) == most or begin == after:
            return list(found)
        reach *= _FURTHER


def number(rule: Rule, after: datetime, until: datetime, most: int) -> int:
    """Return how many ticks are behind `after` up to `until`; of a cron expression `most` where they are more."""
    if isinstance(rule, Every):
        return (until - EPOCH) // rule.span - (after - EPOCH) // rule.span
    return sum(1 for _ in islice(takewhile(lambda at: at <= until, rule.after(after)), most))


def _lower(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].lower()}{text[1:]}" if text else "a field is odd"
