"""Lists in another order: all that fit are put in it, not the newest of them alone, and each order is what it says."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from msgspec.structs import replace

from eventqueue.audit import orders
from eventqueue.audit.orders import ORDERS, ordered
from eventqueue.errors import Refused
from eventqueue.model.job import Job
from eventqueue.ports.views import Filter
from tests.builders import NOW, enqueued, job

HOUR = timedelta(hours=1)
JOBS = [  # as a list has them, the newest first
    replace(job(enqueued()), id="new", created_at=NOW, updated_at=NOW, due_at=NOW, attempts=1, queue="b", nth=3),
    replace(
        job(enqueued(priority=5)),
        id="mid",
        created_at=NOW - HOUR,
        updated_at=NOW + HOUR,
        attempts=3,
        due_at=None,
        nth=2,
    ),
    replace(
        job(enqueued(priority=5)),
        id="old",
        created_at=NOW - HOUR,
        updated_at=NOW - HOUR,
        attempts=2,
        due_at=NOW + HOUR,
        queue="a",
        nth=1,
    ),
]
IN_ORDER = {
    "created": ["new", "mid", "old"],
    "updated": ["mid", "new", "old"],
    "due": ["new", "old", "mid"],
    "priority": ["old", "mid", "new"],
    "tries": ["mid", "old", "new"],
    "queue": ["old", "new", "mid"],
}


def listed(wanted: Filter) -> Iterator[Job]:
    yield from JOBS[: wanted.limit]


@pytest.mark.parametrize("by", ORDERS)
def test_jobs_are_in_the_order_that_is_asked_for(by: str) -> None:
    assert [one.id for one in ordered(listed, Filter(), by)] == IN_ORDER[by]
    assert [one.id for one in ordered(lambda _: reversed(JOBS), Filter(), by)] == IN_ORDER[by]


def test_where_none_is_asked_for_a_list_stays_as_it_was() -> None:
    assert [*ordered(lambda _: reversed(JOBS), Filter(limit=1), None)] == JOBS[::-1]


def test_the_first_of_an_order_are_looked_for_among_all_that_fit() -> None:
    assert [one.id for one in ordered(listed, Filter(limit=1), "tries")] == ["mid"]
    assert [one.id for one in ordered(listed, Filter(limit=2), "due")] == ["new", "old"]


def test_more_than_can_be_put_in_order_are_refused_and_none_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "MOST", len(JOBS))
    assert len([*ordered(listed, Filter(), "tries")]) == len(JOBS)

    monkeypatch.setattr(orders, "MOST", len(JOBS) - 1)
    with pytest.raises(Refused, match="more than 2 jobs to put in order"):
        ordered(listed, Filter(limit=1), "tries")
