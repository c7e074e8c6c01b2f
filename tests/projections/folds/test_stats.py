"""The stats view: what is counted with each event, and how minutes become hours and days."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from bson.timestamp import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventqueue.model.events import Event, LateResult, Recorded
from eventqueue.model.job import Job, evolve
from eventqueue.model.moments import moment_of
from projections.folds import projection
from projections.folds.histogram import bin_of
from projections.folds.projection import Key
from projections.folds.report import report
from projections.folds.stats import DAY_S, HOUR_S, HOURS_KEPT, MINUTES_KEPT, Stats
from tests.builders import (
    CANCELLED,
    COMPLETED,
    DEAD_LETTERED,
    NOW,
    RETRIED_AFTER_WAIT,
    RETRIED_BY_OPERATOR,
    USED_UP_FAILURE,
    append,
    claimed,
    enqueued,
    failed,
    history,
)

SECOND = timedelta(seconds=1)
STATS = Stats()
KINDS = st.sampled_from(["minute", "hour", "day", "net-minute", "net-hour", "net-day"])


def lived(*steps: tuple[float, Event]) -> list[Recorded]:
    """A job's history: each event so many seconds after NOW."""
    recorded: list[Recorded] = []
    for after, event in steps:
        head = {"head": recorded[-1].head} if recorded else {}
        recorded += append("job-one", event, now=NOW + after * SECOND, **head).recorded
    return recorded


def counted(events: list[Recorded]) -> Counter[tuple[Key, str]]:
    sums: Counter[tuple[Key, str]] = Counter()
    job: Job | None = None
    for event in events:
        after = evolve(job, event)
        for key, increments in STATS.tally(job, after, event).items():
            sums.update({(key, name): amount for name, amount in increments.items()})
        job = after
    return sums


def in_minute(sums: Counter[tuple[Key, str]], prefix: str = "") -> dict[str, int]:
    return {name: n for (key, name), n in sums.items() if key[0] == "minute" and name.startswith(prefix)}


@given(st.integers(0, 2**31), KINDS, st.integers(0, 2**31))
def test_the_ranges_of_what_is_old_hold_what_is_merged_and_nothing_else(at: int, kind: str, unix: int) -> None:
    length = {"minute": 60, "hour": 3600, "day": 86400}[kind.removeprefix("net-")]
    key, now = (kind, at // length * length, "q"), datetime.fromtimestamp(unix, UTC)

    is_old = any(low <= key[:2] < high for low, high in STATS.old(now))

    assert is_old == (STATS.aged(key, now) != key)


def test_a_wait_lasts_from_due_to_claimed_and_a_run_from_claimed_to_settled() -> None:
    sums = counted(lived((0, enqueued()), (3, claimed()), (10, COMPLETED)))

    assert in_minute(sums, "wait-") == {f"wait-{bin_of(3)}": 1}
    assert in_minute(sums, "run-") == {f"run-{bin_of(7)}": 1}


def test_no_wait_is_longer_than_the_job_is_there() -> None:
    sums = counted(lived((0, replace(enqueued(), run_at=NOW - timedelta(days=2000))), (3, claimed())))

    assert in_minute(sums, "wait-") == {f"wait-{bin_of(3)}": 1}


def test_a_wait_for_a_retry_begins_when_its_backoff_is_over_and_is_counted_once() -> None:
    retry_at = NOW + 20 * SECOND
    sums = counted(
        lived((0, enqueued()), (1, claimed()), (2, failed(retry_at)), (25, RETRIED_AFTER_WAIT), (25, claimed()))
    )

    assert in_minute(sums, "wait-") == {f"wait-{bin_of(1)}": 1, f"wait-{bin_of(5)}": 1}


def test_after_an_operators_retry_the_wait_begins_anew() -> None:
    sums = counted(lived((0, enqueued()), (1, CANCELLED), (9, RETRIED_BY_OPERATOR), (13, claimed())))

    assert in_minute(sums, "wait-") == {f"wait-{bin_of(4)}": 1}


def test_what_never_waited_lasted_no_time_and_not_less() -> None:
    sums = counted(lived((-5, enqueued()), (-5, claimed())))  # due at NOW, claimed before that

    assert in_minute(sums, "wait-") == {"wait-0": 1}


def test_a_late_result_is_counted_and_moves_no_job() -> None:
    (enqueued_at,) = history(enqueued())
    job = evolve(None, enqueued_at)
    (late,) = history(LateResult(claim=2, worker="w", outcome="completed", data={}), stream="late-one")

    found = STATS.tally(job, job, late)
    assert ([key[0] for key in found], [*found.values()]) == (["minute", "total"], [{"late-result": 1}] * 2)


# Ageing

old_keys = st.builds(
    lambda kind, at, queue: (
        kind,
        at - at % {"minute": 60, "hour": HOUR_S, "day": DAY_S}[kind.removeprefix("net-")],
        queue,
    ),
    KINDS,
    st.integers(0, 2_000_000_000),
    st.sampled_from(["a", "b"]),
)
times = st.integers(0, 2_000_000_000).map(lambda unix: datetime.fromtimestamp(unix, UTC))


@given(old_keys, times, st.integers(0, 10**8))
def test_what_is_merged_at_one_time_is_merged_at_any_later_one(key: Key, now: datetime, more: int) -> None:
    later = now + more * SECOND

    assert STATS.aged(STATS.aged(key, now), later) == STATS.aged(key, later)
    assert STATS.aged(STATS.aged(key, now), now) == STATS.aged(key, now)


@given(st.integers(0, 2_000_000_000), st.integers(0, 3599), times)
def test_no_hour_is_half_in_minutes(unix: int, offset: int, now: datetime) -> None:
    hour = unix // HOUR_S * HOUR_S
    one, other = (STATS.aged(("minute", at, "q"), now)[0] for at in (hour, hour + offset // 60 * 60))

    assert one == other


def test_minutes_become_hours_and_hours_days_once_they_are_old_enough() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    key: Key = ("minute", int(start.timestamp()) + 120, "q")
    hour_ends, day_ends = start + timedelta(hours=1), start + timedelta(days=1)

    assert STATS.aged(key, hour_ends + MINUTES_KEPT - SECOND) == key
    assert STATS.aged(key, hour_ends + MINUTES_KEPT) == ("hour", int(start.timestamp()), "q")
    assert STATS.aged(key, day_ends + HOURS_KEPT) == ("day", int(start.timestamp()), "q")


def test_counts_by_state_do_not_age() -> None:
    assert STATS.aged(("state", "q"), NOW + timedelta(days=10_000)) == ("state", "q")


# What people are told


def told(*counts: tuple[Key, dict[str, int]], window: timedelta = timedelta(hours=1), **oldest: datetime) -> Any:
    first = min((key for key, _ in counts), default=None)
    return report(list(counts), NOW - window, NOW, first, oldest)


def unix(before: timedelta) -> int:
    return int((NOW - before).timestamp())


def test_rates_are_over_the_time_in_which_there_was_a_log() -> None:
    ten_minutes = timedelta(minutes=10)

    found = told((("minute", unix(ten_minutes), "q"), {"enqueued": 20, "completed": 5, "dead-lettered": 5}))

    assert (found.since, found.until) == (NOW - ten_minutes, NOW)
    assert (found.total.in_per_minute, found.total.out_per_minute) == (2.0, 1.0)


def test_a_window_that_cuts_through_a_merged_hour_is_answered_from_where_that_begins() -> None:
    found = told((("hour", unix(timedelta(hours=10)), "q"), {"enqueued": 600}), window=timedelta(hours=9, minutes=30))

    assert found.since == NOW - timedelta(hours=10)
    assert found.total.in_per_minute == 1.0


def test_the_failure_ratio_is_of_attempts_and_unknown_without_any() -> None:
    key: Key = ("minute", unix(timedelta(minutes=5)), "q")

    assert told((key, {"completed": 3, "failed": 1})).queues["q"].failure_ratio == 0.25
    assert told((key, {"enqueued": 3})).queues["q"].failure_ratio is None
    assert told((key, {"enqueued": 3})).queues["q"].wait is None


def test_the_total_is_over_all_queues_and_the_oldest_of_them() -> None:
    at = unix(timedelta(minutes=5))
    found = told(
        (("minute", at, "a"), {"enqueued": 1, "run-10": 1}),
        (("minute", at, "b"), {"enqueued": 2, "late-result": 1}),
        a=NOW - 5 * SECOND,
        c=NOW - 9 * SECOND,
    )

    assert sorted(found.queues) == ["a", "b", "c"]
    assert (found.total.enqueued, found.total.late, found.total.oldest_pending) == (3, 1, 9.0)
    assert (found.queues["a"].oldest_pending, found.queues["b"].oldest_pending) == (5.0, None)


def test_a_dead_job_is_a_failed_attempt_and_has_left() -> None:
    events = lived((0, enqueued(max_retries=0)), (1, claimed()), (2, USED_UP_FAILURE), (2, DEAD_LETTERED))
    counts = in_minute(counted(events))

    found = told((("minute", unix(timedelta(minutes=1)), "q"), counts)).queues["q"]

    assert (found.failed, found.dead, found.failure_ratio) == (1, 1, 1.0)


# What moved


@given(st.lists(st.integers(0, 200_000), min_size=3, max_size=3))
def test_what_moved_is_counted_in_the_minute_in_which_the_log_took_it(delays: list[int]) -> None:
    events = lived((0, enqueued()), (3, claimed()), (10, COMPLETED))
    times = sorted(int(NOW.timestamp()) + delay for delay in delays)
    taken = [replace(one, ts=Timestamp(at, 1)) for one, at in zip(events, times, strict=True)]

    nets: Counter[tuple[int, str]] = Counter()
    for (key, state), amount in counted(taken).items():
        if key[0] == "net-minute":
            nets[int(key[1]), state] += amount

    expected: Counter[tuple[int, str]] = Counter()
    moves = [(None, "pending"), ("pending", "processing"), ("processing", "completed")]
    for one, (before, after) in zip(taken, moves, strict=True):
        moment = moment_of(one)
        assert moment is not None
        minute = int(moment.timestamp()) // 60 * 60
        expected[minute, after] += 1
        if before is not None:
            expected[minute, before] -= 1
    assert {key: n for key, n in nets.items() if n} == {key: n for key, n in expected.items() if n}


def test_people_are_told_of_bins_by_when_they_begin_and_of_all_else_as_it_is() -> None:
    assert projection.told(Stats(), ("net-hour", 1_795_870_800, "default")) == "net-hour/2026-11-28T13:00Z/default"
    for key in (("state", "default"), ("minute", 2**62, "x"), ("minute", -1, "x"), ("minute", "x"), ("minute",), ()):
        assert projection.told(Stats(), key) == "/".join(map(str, key))
