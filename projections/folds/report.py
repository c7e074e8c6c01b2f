"""From the counters of a window to what a person asks: how much, how fast, how long, how often in vain. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import accumulate

from eventqueue.ports.views import Durations, QueueStats, Spread, Stats, Totals
from projections.folds.histogram import Histogram, edge_of, middle_of, quantile
from projections.folds.projection import Key
from projections.folds.stats import DAY_S, HOUR_S, MINUTE_S, RESCUED, RUN, WAIT

LENGTHS = {"minute": MINUTE_S, "hour": HOUR_S, "day": DAY_S}

EDGES = range(0, 221, 10)
"""Buckets up to which durations are counted for others: 1 ms, 2.2 ms … 12.3 h, each a bit more than twice as long."""

Counts = Mapping[str, int]


def report(
    counters: Iterable[tuple[Key, Counts]],
    since: datetime,
    now: datetime,
    first: Key | None,
    oldest: Mapping[str, datetime],
) -> Stats:
    """Return the stats up to `now` of `counters`: those of all minutes, hours and days that reach beyond `since`.

    `first`: the first counter there is: before it was nothing, over which a rate would be no rate. `oldest`: of each
    queue that has a job waiting to be claimed, since when the oldest one is due. A window that cuts through an hour or
    a day that was merged is answered from where that begins: the answer says from when to when.
    """
    by_queue: dict[str, dict[str, int]] = {queue: {} for queue in oldest}
    for key, counts in counters:  # very many, perhaps: each is added and let go
        since = min(since, _start(key))
        _add(by_queue.setdefault(str(key[2]), {}), counts)
    since = max(since, min(_start(first), now - timedelta(minutes=1))) if first else since
    total: dict[str, int] = {}
    for counts in by_queue.values():
        _add(total, counts)
    minutes = (now - since).total_seconds() / MINUTE_S
    ages = {queue: max(timedelta(0), now - due) for queue, due in oldest.items()}
    return Stats(
        since=since,
        until=now,
        total=_queue(total, minutes, max(ages.values(), default=None)),
        queues={queue: _queue(counts, minutes, ages.get(queue)) for queue, counts in sorted(by_queue.items())},
    )


def totals(counts: Counts) -> Totals:
    """Return what happened in a queue since its first job, of its counter of all time."""
    of = defaultdict(int, counts)
    return Totals(
        enqueued=of["enqueued"],
        completed=of["completed"],
        failed=of["failed"],
        rescued=of[RESCUED],
        dead=of["dead-lettered"],
        cancelled=of["cancelled"],
        retried=of["retried"],
        retried_by_operator=of["retried-by-operator"],
        late=of["late-result"],
        wait=_durations(counts, WAIT),
        run=_durations(counts, RUN),
    )


def _durations(counts: Counts, what: str) -> Durations:
    histogram = _histogram(counts, what)
    at_most = dict.fromkeys(EDGES, 0)
    for bucket, count in histogram.items():
        if (edge := -(-bucket // EDGES.step) * EDGES.step) in at_most:
            at_most[edge] += count
    return Durations(
        buckets=tuple(zip(map(edge_of, EDGES), accumulate(at_most.values()), strict=True)),
        count=sum(histogram.values()),
        seconds=sum(middle_of(bucket) * count for bucket, count in histogram.items()),
    )


def _start(key: Key) -> datetime:
    return datetime.fromtimestamp(int(key[1]), UTC)


def _add(sums: dict[str, int], counts: Counts) -> None:
    for name, amount in counts.items():
        sums[name] = sums.get(name, 0) + amount


def _queue(sums: Counts, minutes: float, oldest: timedelta | None) -> QueueStats:
    counts = defaultdict(int, sums)
    attempts = counts["completed"] + counts["failed"]
    ended = counts["completed"] + counts["dead-lettered"] + counts["cancelled"]
    return QueueStats(
        enqueued=counts["enqueued"],
        completed=counts["completed"],
        failed=counts["failed"],
        dead=counts["dead-lettered"],
        cancelled=counts["cancelled"],
        retried=counts["retried"] + counts["retried-by-operator"],
        late=counts["late-result"],
        in_per_minute=counts["enqueued"] / minutes,
        out_per_minute=ended / minutes,
        failure_ratio=counts["failed"] / attempts if attempts else None,
        wait=_spread(counts, WAIT),
        run=_spread(counts, RUN),
        oldest_pending=None if oldest is None else oldest.total_seconds(),
    )


def _histogram(counts: Counts, what: str) -> Histogram:
    return {int(name[len(what) + 1 :]): count for name, count in counts.items() if name.startswith(f"{what}-")}


def _spread(counts: Counts, what: str) -> Spread | None:
    histogram = _histogram(counts, what)
    p50, p95, p99 = (quantile(histogram, part) for part in (0.5, 0.95, 0.99))
    if p50 is None or p95 is None or p99 is None:
        return None
    return Spread(p50, p95, p99)
