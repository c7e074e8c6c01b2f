"""A chart of rates: steps as high as what happened in each part was, and nothing of it left out."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from eventqueue.ports.views import Rate
from eventqueue.web.drawing.chart import HEIGHT, WIDTH, chart

BEGIN = datetime(2026, 11, 29, tzinfo=UTC)


def part(start: float, end: float, enqueued: int = 0, completed: int = 0) -> Rate:
    since, until = (BEGIN + timedelta(seconds=one) for one in (start, end))
    return Rate(since=since, until=until, enqueued=enqueued, completed=completed, failed=0, dead=0, cancelled=0)


def test_each_part_is_a_step_whatever_its_length() -> None:
    found = chart([part(0, 60, enqueued=60), part(60, 120, enqueued=120), part(120, 240, completed=60)])

    assert found is not None
    come, done, failed = found.lines
    assert come.path == f"M0.0 {HEIGHT - (HEIGHT - 2) / 2}V61.0H150.0V2.0H300.0V120.0H600.0"
    assert (come.sum, done.sum, failed.sum) == (180, 60, 0)
    assert found.top == 2.0
    points = msgspec.json.decode(found.points)
    assert points["in"] == [1.0, 2.0, 0.0]
    assert [one - points["x"][0] for one in points["x"]] == [0, 60, 120, 240]


def test_what_has_just_begun_is_drawn_with_the_part_before_it() -> None:
    found = chart([part(0, 60, enqueued=60), part(60, 62, enqueued=2)])

    assert found is not None
    assert msgspec.json.decode(found.points)["in"] == [1.0]
    assert found.lines[0].sum == 62


def test_where_nothing_happened_it_lies_at_the_bottom_and_of_no_time_there_is_none() -> None:
    found = chart([part(0, 60)])

    assert found is not None
    assert all(f"V{HEIGHT}" in line.path and line.path.endswith(f"H{WIDTH}.0") for line in found.lines)
    assert chart([]) is None
    assert chart([part(0, 0)]) is None


@pytest.mark.parametrize("seconds", [1, 3])
def test_a_part_that_is_alone_is_drawn_however_short(seconds: int) -> None:
    assert chart([part(0, seconds, enqueued=seconds)]) is not None
