"""From the counters of a window to what happened in each part of it, one after the other. Pure."""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from eventqueue.ports.views import Rate
from projections.folds.stats import DAY_S, HOUR_S, MINUTE_S

PARTS_MAX = 120
LENGTHS_S = (MINUTE_S, 5 * MINUTE_S, 15 * MINUTE_S, HOUR_S, 6 * HOUR_S, DAY_S)

COUNTED = {
    "enqueued": "enqueued",
    "completed": "completed",
    "failed": "failed",
    "dead": "dead-lettered",
    "cancelled": "cancelled",
}
"""What is told of a part, and as what it is counted."""

Part = tuple[int, int]
"""When it begins, in unix time, and how many seconds it has."""

Amounts = Mapping[str, int]


def length_of(window: timedelta) -> int:
    """Return how many seconds each part of a window has, so that they are PARTS_MAX at most."""
    least = window.total_seconds() / PARTS_MAX
    fitting = (length for length in LENGTHS_S if length >= least)
    return next(fitting, math.ceil(least / DAY_S) * DAY_S)


def rates(counted: Iterable[tuple[Part, Amounts]], since: datetime, until: datetime, length: int) -> Iterator[Rate]:
    """Yield the parts of a window, in order, also those in which nothing happened.

    `counted`: amounts of COUNTED by what is counted together, each minute, hour or day that begins before `until`.
    Where that is longer than `length` a part is so long, too, with what of it is not merged yet. One that begins later,
    by a clock that is a little ahead, is of the last part.
    """
    end = until.timestamp()
    last = (math.ceil(end) - 1) // length * length
    sums: dict[Part, dict[str, int]] = {}
    for (start, span), amounts in counted:
        begin = min(start if span > length else start // length * length, last)
        _add(sums.setdefault((begin, max(span, length)), {}), amounts)
    at = int(since.timestamp()) // length * length
    for (begin, span), amounts in _apart(sums):
        yield from (_rate(empty, length, {}, end) for empty in range(at, begin, length))
        yield _rate(begin, span, amounts, end)
        at = max(at, begin + span)
    yield from (_rate(empty, length, {}, end) for empty in range(at, math.ceil(end), length))


def _apart(sums: Mapping[Part, Amounts]) -> list[tuple[Part, dict[str, int]]]:
    """Return the parts in order, the amounts of those that lie in a longer one with its own."""
    found: list[tuple[Part, dict[str, int]]] = []
    end = 0
    for (begin, span), amounts in sorted(sums.items(), key=lambda one: (one[0][0], -one[0][1])):
        if begin >= end:
            found.append(((begin, span), {}))
            end = begin + span
        _add(found[-1][1], amounts)
    return found


def _add(sums: dict[str, int], more: Amounts) -> None:
    for name, amount in more.items():
        sums[name] = sums.get(name, 0) + amount


def _rate(begin: int, span: int, amounts: Amounts, end: float) -> Rate:
    until = min(begin + span, end)
    return Rate(since=_at(begin), until=_at(until), **{name: amounts.get(name, 0) for name in COUNTED})


def _at(unix: float) -> datetime:
    return datetime.fromtimestamp(unix, UTC)
