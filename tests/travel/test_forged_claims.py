"""What a hand has put into the log as a claim: it keeps nobody from what a worker ran."""

from collections.abc import Iterator
from typing import Any

import pytest
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.model.envelope import VERSION_MAX
from eventqueue.model.events import Event, Head
from eventqueue.model.lives import WorkerStopAsked
from tests.builders import append, claimed
from tests.travel.test_gone import claim, started, told
from tests.travel.test_ran import all_of


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name, actor="tests") as queue:
        yield queue


def forge(queue: Queue, stream: str, version: int, event: Event) -> None:
    now = queue.connection.ground.clock.now()
    (forged,) = append(stream, event, head=Head(version - 1, b"h" * 32), now=now).events
    queue.connection.ground.database["events"].insert_one(RawBSONDocument(forged.raw))


def test_one_that_is_far_off_or_elsewhere_keeps_nobody_from_what_is_before_it(queue: Queue) -> None:
    told(queue, "web-1:a", started())
    queue.enqueue(id="one", command="true")
    claim(queue, "one", "web-1:a")
    for stream, version in (("job-far", VERSION_MAX), ("late-x", 1), ("worker-web-1:a", 5)):
        forge(queue, stream, version, claimed("web-1:a"))
    forge(queue, "worker-web-1:a", VERSION_MAX, WorkerStopAsked())

    assert [(one.job, one.claim) for one in all_of(queue, "web-1:a", 1)] == [("far", VERSION_MAX), ("one", 2)]
