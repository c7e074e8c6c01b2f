"""The `stats` view: how many jobs of each queue are in which state, and what happened when, and how long it took.

Minutes are kept for some hours, then merged into hours, and those into days: the view stays small for ever.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from eventqueue.model.events import (
    EVENT_TYPES,
    Claimed,
    Completed,
    Event,
    Failed,
    FailReason,
    Recorded,
    Retried,
    RetryCause,
)
from eventqueue.model.job import Job, State
from projections.folds.histogram import bin_of
from projections.folds.projection import Increments, Key, Tally

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
MINUTES_KEPT = timedelta(hours=6)
HOURS_KEPT = timedelta(days=14)
WAIT, RUN = "wait", "run"
TOTAL = "total"
RESCUED = "failed-worker-lost"  # of the failed
NET_LENGTHS = {"net-minute": MINUTE_S, "net-hour": HOUR_S, "net-day": DAY_S}
YEAR_10000 = 253_402_300_800  # in unix time: no calendar goes further

_TYPES = {kind: name for name, kind in EVENT_TYPES.items()}
_COARSER = {
    "minute": ("hour", HOUR_S, MINUTES_KEPT),
    "hour": ("day", DAY_S, HOURS_KEPT),
    "net-minute": ("net-hour", HOUR_S, MINUTES_KEPT),
    "net-hour": ("net-day", DAY_S, HOURS_KEPT),
}
_TIMES = {*_COARSER, *(kind for kind, _, _ in _COARSER.values())}


class Stats:
    """Counters under ("state", queue): jobs in each state; under ("minute", its start in unix time, queue): events of
    each type, and the histograms of waits and run times, as `wait-57`: how many were in bucket 57; under ("net-minute",
    its start, queue): by how many more each state became, of what the log took in that minute. With these the states
    are counted back to any time. Under ("total", queue): as of a minute, of all time: what never goes down.
    """

    name = "stats"
    version = 5

    def tally(self, before: Job | None, after: Job, recorded: Recorded) -> Tally:
        """See Projection.tally."""
        minute = int(recorded.at.timestamp()) // MINUTE_S * MINUTE_S
        counts: Increments = {_counter(recorded.event): 1}
        if before is not None and (ended := _ended(before, recorded.event)) is not None:
            what, since = ended
            counts[f"{what}-{bin_of((recorded.at - since).total_seconds())}"] = 1
        if isinstance(recorded.event, Failed) and recorded.event.reason is FailReason.WORKER_LOST:
            counts[RESCUED] = 1
        # Time before queue in the key, so that a window is one range of keys.
        tally: Tally = {("minute", minute, after.queue): counts, (TOTAL, after.queue): counts}
        # The minute of `moments.moment_of`, which is in the second of `ts`.
        taken = minute if recorded.ts is None else recorded.ts.time // MINUTE_S * MINUTE_S
        for queue, moved in _moved(before, after):
            tally["state", queue] = moved
            tally["net-minute", taken, queue] = moved
        return tally

    def old(self, now: datetime) -> Sequence[tuple[Key, Key]]:
        """See Ageing.old."""
        unix = int(now.timestamp())
        return [
            ((kind, 0), (kind, (unix - int(kept.total_seconds())) // length * length))
            for kind, (_, length, kept) in _COARSER.items()
        ]

    def told(self, key: Key) -> Key:
        """See Telling.told: bins of time by when they begin."""
        match key:
            case (kind, int(start), *rest) if kind in _TIMES and 0 <= start < YEAR_10000:
                return (kind, f"{datetime.fromtimestamp(start, UTC):%Y-%m-%dT%H:%MZ}", *rest)
        return key

    def aged(self, key: Key, now: datetime) -> Key:
        """See Ageing.aged: what is whole and old enough is merged, so that no hour is half in minutes."""
        unix = now.timestamp()
        while (coarser := _COARSER.get(str(key[0]))) is not None:
            kind, length, kept = coarser
            start = int(key[1]) // length * length
            if start + length > unix - kept.total_seconds():
                break
            key = (kind, start, *key[2:])
        return key


def _counter(event: Event) -> str:
    if isinstance(event, Retried) and event.cause is RetryCause.OPERATOR:
        return "retried-by-operator"
    return _TYPES[type(event)]


def _ended(before: Job, event: Event) -> tuple[str, datetime] | None:
    """Return what ended with this event, a wait or a run, and since when it had lasted."""
    match event:
        case Claimed() if before.due_at is not None and not _was_just_retried(before):
            return WAIT, max(before.due_at, before.created_at)  # it may have been asked for with a time long past
        case Retried(cause=RetryCause.BACKOFF) if before.due_at is not None:
            return WAIT, before.due_at
        case Completed() | Failed() if before.claimed_at is not None:
            return RUN, before.claimed_at
        case _:
            return None


def _was_just_retried(job: Job) -> bool:
    # By whoever claims it now: how long that took after the backoff was counted with the `retried`.
    return job.state is State.PENDING and job.failures > 0 and job.due_at == job.updated_at


def _moved(before: Job | None, after: Job) -> list[tuple[str, Increments]]:
    """Return by how many more, in which queue, each state became."""
    if before is None:
        return [(after.queue, {after.state: 1})]
    if before.queue != after.queue:
        return [(before.queue, {before.state: -1}), (after.queue, {after.state: 1})]
    return [] if before.state == after.state else [(after.queue, {before.state: -1, after.state: 1})]
