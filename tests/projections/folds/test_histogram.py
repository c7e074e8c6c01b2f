"""Histograms of durations: off by a part of the duration at most."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from projections.folds.histogram import ERROR, bin_of, middle_of, quantile

durations = st.floats(0.001, 1e9)


@given(durations)
def test_a_bucket_stands_for_each_of_its_durations_with_a_small_relative_error(seconds: float) -> None:
    assert abs(middle_of(bin_of(seconds)) - seconds) <= seconds * (ERROR + 1e-9)


@given(durations, durations)
def test_a_longer_duration_is_in_no_lower_bucket(one: float, other: float) -> None:
    assert (bin_of(one) <= bin_of(other)) or one > other


@given(st.lists(durations, min_size=1), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_that_of_the_durations_but_for_the_error(of: list[float], part: float) -> None:
    exact = sorted(of)[max(1, -int(-part * len(of) // 1)) - 1]

    found = quantile(Counter(map(bin_of, of)), part)

    assert found is not None
    assert abs(found - exact) <= exact * (ERROR + 1e-9)


def test_what_is_shorter_than_a_millisecond_is_one_bucket() -> None:
    assert {bin_of(seconds) for seconds in (-5.0, 0.0, 0.0001, 0.001)} == {0}


def test_of_nothing_there_is_no_quantile() -> None:
    assert quantile({}, 0.5) is None
