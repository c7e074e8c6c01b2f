"""Durations in words: what is one, and how many seconds it has."""

import pytest

from eventqueue.model.durations import LENGTH_MAX, seconds_in
from eventqueue.model.figures import span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        *(("90", 90), ("1.5", 1.5), (".5s", 0.5), ("10m", 600), ("2h", 7200), ("3d", 259_200), ("1w", 604_800)),
        *(("250ms", 0.25), ("5m", 300), ("1h30m", 5400), ("1d12h", 129_600), ("2m30s", 150), ("1m250ms", 60.25)),
        *(("1h 30m", 5400), ("90 min", 5400), ("10 m", 600), ("0", 0)),
    ],
)
def test_a_duration_is_a_number_of_seconds_or_of_units(text: str, seconds: float) -> None:
    assert seconds_in(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", " ", "m", "soon", "-1", "+1", "1e3", "nan", "inf", "30m1h", "1h1h", "1y", "1h,5m"]
)
def test_anything_else_is_none(text: str) -> None:
    assert seconds_in(text) is None


def test_what_is_longer_than_any_duration_is_not_looked_at() -> None:
    assert seconds_in("1" * (LENGTH_MAX - 1) + "s") is not None
    assert seconds_in("1" * LENGTH_MAX + "s") is None
    assert seconds_in("9" * 5000) == float("inf")


@pytest.mark.parametrize("seconds", [0.25, 5, 59, 60, 3600, 5400, 7260, 86_400, 90_000])
def test_what_is_told_of_a_duration_is_understood(seconds: float) -> None:
    assert seconds_in(span(seconds)) == seconds
