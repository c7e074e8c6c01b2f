"""When the log took an event, and what it had taken by a moment: the one clock of all that looks back. Pure.

The second is the log's, `ts`, which the server gives an event as it takes it; within that second the event's own time
counts. So what is shown of a moment is never what was sealed before it and came only later; and as neither time runs
backwards within a stream, what a stream had by a moment are always its first events.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from bson.timestamp import Timestamp

from eventqueue.model.codec import EPOCH, to_ms
from eventqueue.model.marks import Mark
from eventqueue.model.readable import Read, Unreadable

SECOND, INSTANT = timedelta(seconds=1), timedelta(milliseconds=1)
# Sealed by another clock, an event may tell of a later time than the second in which the log took it, or than it is to
# who reads it, by this at most.
AHEAD = timedelta(seconds=2)
LAST_SECOND = 2**32 - 1
LATEST = datetime.max.replace(tzinfo=UTC)


def moment_of(one: Read | Mark) -> datetime | None:
    """Return when the log took an event, to the millisecond; None where that cannot be told.

    One that cannot be read counts from the beginning of its second on.
    """
    if not isinstance(one.ts, Timestamp):  # somebody has put something else there
        return None
    begin = EPOCH + one.ts.time * SECOND
    return begin if isinstance(one, Unreadable) else min(max(one.at, begin), begin + SECOND - INSTANT)


def was_by(one: Read | Mark, moment: datetime) -> bool:
    """Whether the log had taken an event by `moment`."""
    taken = moment_of(one)
    return taken is not None and taken <= moment


def between(since: datetime | None, until: datetime | None) -> Mapping[str, Any]:
    """Return a filter on stored events for what the log took from `since` to `until`, both included; None: no bound.

    By the index on `ts`, which is the first of its conditions.
    """
    low, high = Timestamp(0, 0), Timestamp(LAST_SECOND, LAST_SECOND)
    outside: list[Mapping[str, Any]] = []
    if since is not None:
        second = _second(since)
        low = Timestamp(second, 0)
        if since > EPOCH + second * SECOND:
            outside.append({"ts": {"$lte": Timestamp(second, LAST_SECOND)}, "at": {"$lt": up_to_ms(since)}})
    if until is not None:
        second = _second(until)
        high = Timestamp(second, LAST_SECOND)
        if to_ms(until) < EPOCH + (second + 1) * SECOND - INSTANT:
            outside.append({"ts": {"$gte": Timestamp(second, 0)}, "at": {"$gt": to_ms(until)}})
    bounds = {"ts": {"$gte": low, "$lte": high}}
    return {**bounds, "$nor": outside} if outside else bounds


def _second(moment: datetime) -> int:
    return min(max(0, (moment - EPOCH) // SECOND), LAST_SECOND)


def up_to_ms(moment: datetime) -> datetime:
    """Return the first whole millisecond from a moment on, which is all that is stored of a time."""
    late = timedelta(microseconds=999)
    return to_ms(moment + late) if moment <= LATEST - late else LATEST
