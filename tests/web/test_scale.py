"""A life on a line: it fills the line, is to scale, and long idle time is cut short."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.audit.phases import Kind, Phase
from eventqueue.web.drawing.scale import bars
from tests.builders import NOW, enqueued, history

(SINCE,) = history(enqueued())


def life(*spans: tuple[Kind, float]) -> list[Phase]:
    found: list[Phase] = []
    begin: datetime = NOW
    for kind, seconds in spans:
        found.append(Phase(kind, begin, begin := begin + timedelta(seconds=seconds), SINCE, None))
    return found


@given(st.lists(st.tuples(st.sampled_from(Kind), st.floats(0, 1e6)), max_size=40))
def test_bars_fill_the_line_in_order_and_none_is_wider_than_it(spans: list[tuple[Kind, float]]) -> None:
    found = bars(life(*spans))

    x = 0.0
    for one in found:
        assert one.x == pytest.approx(x, abs=1e-6)
        x += one.width
    assert [one.phase.kind for one in found] == [kind for kind, _ in spans]
    assert x == pytest.approx(100) or all(one.width == 0 for one in found)


def test_what_is_not_very_long_is_to_scale() -> None:
    found = bars(life((Kind.WAITING, 1), (Kind.RUNNING, 2), (Kind.BACKOFF, 5)))

    assert [round(one.width, 1) for one in found] == [12.5, 25, 62.5]


def test_idle_time_is_long_that_is_more_than_four_times_all_that_is_shorter() -> None:
    for idle, is_cut in ((40.0, False), (41.0, True)):
        assert [one.is_cut for one in bars(life((Kind.RUNNING, 10), (Kind.BACKOFF, idle)))] == [False, is_cut]
        assert not any(one.is_cut for one in bars(life((Kind.WAITING, 10), (Kind.RUNNING, idle))))


def test_a_run_is_seen_however_short_it_is() -> None:
    found = bars(life((Kind.RUNNING, 1000), (Kind.RUNNING, 0.001), (Kind.WAITING, 1000)))

    assert found[1].width == pytest.approx(0.4, rel=0.01)


def test_however_often_idle_time_is_cut_most_of_the_line_is_left() -> None:
    found = bars(life((Kind.RUNNING, 1.0), *((Kind.BACKOFF, 6.0 ** (number + 1)) for number in range(10))))

    assert sum(one.is_cut for one in found) == 10
    assert sum(one.width for one in found if one.is_cut) == pytest.approx(40)


def test_long_idle_time_is_cut_short_and_what_is_left_is_to_scale() -> None:
    hours = 3600 * 10
    found = bars(life((Kind.LATER, hours), (Kind.RUNNING, 3), (Kind.BACKOFF, hours * 2), (Kind.RUNNING, 1)))

    assert [one.is_cut for one in found] == [True, False, True, False]
    assert found[0].width == found[2].width < 10
    assert found[1].width == pytest.approx(3 * found[3].width)
