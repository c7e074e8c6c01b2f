"""How a reader waits for a projector: it asks the log's tail less and less often, and gives up in the end."""

from itertools import pairwise
from types import SimpleNamespace

import pytest

from projections.reading.refreshing import LOOK_S, WAIT_S, _Wait


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Its last number is the time."""
    times = [100.0]
    monkeypatch.setattr("projections.reading.refreshing.time", SimpleNamespace(monotonic=lambda: times[-1]))
    return times


def test_the_tail_is_asked_at_once_then_ever_less_often_and_once_more_at_the_end(clock: list[float]) -> None:
    wait = _Wait()
    asked: list[float] = []
    while not wait.is_over:
        wait.saw(None)
        if wait.asks():
            asked.append(clock[-1] - 100.0)
        clock.append(clock[-1] + LOOK_S)

    pauses = [later - earlier for earlier, later in pairwise(asked)]
    assert asked[0] == 0.0
    assert asked[-1] > WAIT_S
    assert len(asked) < 15
    assert pauses[:-1] == sorted(pauses[:-1])
