"""A part of a job's history: the newest of its events, or those before one of them, and nothing else is read."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.api.then import Then
from eventqueue.errors import InvalidInput, JobNotFound, Refused

EVENTS = 9


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name, actor="tests") as queue:
        queue.enqueue(id="one", command="true")
        for _ in range((EVENTS - 1) // 2):
            queue.cancel("one")
            queue.retry("one")
        yield queue


@pytest.fixture(params=["now", "then"])
def seen(request: pytest.FixtureRequest, queue: Queue) -> Queue | Then:
    return queue if request.param == "now" else queue.at(queue.connection.ground.clock.now())


@pytest.mark.parametrize(
    ("asked", "versions"),
    [
        ({}, range(1, EVENTS + 1)),
        ({"last": 3}, range(EVENTS - 2, EVENTS + 1)),
        ({"last": 1000}, range(1, EVENTS + 1)),
        ({"before": 4}, range(1, 4)),
        ({"before": 1000}, range(1, EVENTS + 1)),
        ({"before": 1}, ()),
        ({"last": 2, "before": 8}, range(6, 8)),
        ({"last": 2, "before": 1000}, range(EVENTS - 1, EVENTS + 1)),
        ({"last": 20, "before": 3}, range(1, 3)),
    ],
)
def test_so_many_events_are_read_as_are_asked_for(seen: Queue | Then, asked: Any, versions: Any) -> None:
    assert [one.version for one in seen.history("one", **asked)] == [*versions]


def test_of_a_job_that_is_not_there_there_is_no_part(seen: Queue | Then) -> None:
    with pytest.raises(Refused if isinstance(seen, Then) else JobNotFound):
        seen.history("nowhere", last=3)


@pytest.mark.parametrize("asked", [{"last": 0}, {"before": 0}])
def test_a_part_that_would_be_none_is_refused(seen: Queue | Then, asked: Any) -> None:
    with pytest.raises(InvalidInput):
        seen.history("one", **asked)
