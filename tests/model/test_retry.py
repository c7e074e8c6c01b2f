"""The wait after a failure."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.model.retry import LEAST_OF_MANY_S, LEAST_S, LONGEST_S, MANY, Backoff
from tests.builders import NOW, backoffs

failures = st.integers(1, 2**31)
chances = st.floats(0, 1)


@pytest.mark.parametrize(("failure", "seconds"), [(1, 2), (2, 4), (3, 8), (11, 2048), (12, 3600), (5000, 3600)])
def test_the_wait_doubles_with_each_failure_up_to_the_cap(failure: int, seconds: int) -> None:
    assert Backoff().delay(failure) == timedelta(seconds=seconds)


@pytest.mark.parametrize("base", [0.0, 0.5, 1.0, 1.0000001, 2.0, 1e9, LONGEST_S])
@pytest.mark.parametrize("failure", [1, 2, 1023, 1024, 100_000, 2**31])
def test_no_failure_number_is_too_large_for_the_arithmetic(base: float, failure: int) -> None:
    wait = Backoff(base=base, cap=60.0, jitter=1.0).delay(failure, chance=1.0)

    assert timedelta(0) <= wait <= timedelta(seconds=120)


@pytest.mark.parametrize("backoff", [Backoff(base=0.0), Backoff(cap=0.0), Backoff(base=0.5)])
def test_endless_retries_are_slowed_down_whatever_was_asked_for(backoff: Backoff) -> None:
    waits = [backoff.delay(failure) for failure in (50, 99, 100, 10**9)]

    assert waits == [timedelta(milliseconds=10)] * 2 + [timedelta(seconds=1)] * 2


def test_a_base_of_zero_waits_a_moment_and_a_base_of_one_waits_the_same_each_time() -> None:
    assert [Backoff(base=0.0).delay(n) for n in (1, 7)] == [timedelta(milliseconds=10)] * 2
    assert [Backoff(base=1.0).delay(n) for n in (1, 7)] == [timedelta(seconds=1)] * 2


def test_chance_adds_up_to_the_jitter_and_never_takes_away() -> None:
    backoff = Backoff(base=10.0, jitter=0.1)

    assert [backoff.delay(1, chance) for chance in (0.0, 0.5, 1.0)] == [timedelta(seconds=s) for s in (10, 10.5, 11)]


@given(backoffs, failures, chances)
def test_a_wait_is_a_moment_at_least_and_stays_below_the_cap_and_its_jitter(
    backoff: Backoff, failure: int, chance: float
) -> None:
    wait = backoff.delay(failure, chance)

    most = max(backoff.cap, LEAST_S if failure < MANY else LEAST_OF_MANY_S)
    assert timedelta(seconds=LEAST_S) <= wait <= timedelta(seconds=most * (1 + backoff.jitter), milliseconds=1)


@given(st.builds(Backoff, base=st.floats(1, 1e9)), failures, chances)
def test_a_later_failure_never_waits_less(backoff: Backoff, failure: int, chance: float) -> None:
    assert backoff.delay(failure, chance) <= backoff.delay(failure + 1, chance)


@given(backoffs, failures, chances)
def test_a_wait_is_in_whole_milliseconds_as_the_log_stores_it(backoff: Backoff, failure: int, chance: float) -> None:
    assert backoff.delay(failure, chance) % timedelta(milliseconds=1) == timedelta(0)


def test_the_longest_wait_of_all_stays_within_the_calendar() -> None:
    longest = Backoff(base=LONGEST_S, cap=LONGEST_S, jitter=1.0)

    assert (NOW + longest.delay(2**31, chance=1.0)).year < 9000


@pytest.mark.parametrize(
    "fields",
    [{"base": -1.0}, {"cap": -0.1}, {"cap": LONGEST_S + 1}, {"jitter": 1.1}, {"jitter": -0.1}, {"speed": 1}],
)
def test_a_backoff_out_of_range_is_refused_when_it_is_read(fields: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fields, Backoff)
