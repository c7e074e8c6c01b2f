"""How much of all is done, whatever a task says."""

import pytest

from eventqueue.model.progress import Progress
from tests.builders import NOW


@pytest.mark.parametrize(
    ("done", "total", "percent"),
    [
        (1, 4, 25),
        (0, 4, 0),
        (9, 4, 100),
        (-1, 4, 0),
        (1, None, None),
        (1, 0, None),
        (float("nan"), 4, None),
        (float("inf"), 4, None),
        (1, float("nan"), None),
        (1e308, 1e-308, None),
    ],
)
def test_a_share_is_told_where_there_is_one(done: float, total: float | None, percent: int | None) -> None:
    assert Progress(done, total, None, NOW).percent == percent
