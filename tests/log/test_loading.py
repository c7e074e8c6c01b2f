"""What it costs to know a job does not grow with its history, and what is known is what the log says."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from msgspec.structs import replace
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.log import loading
from eventqueue.model.codec import seal
from eventqueue.model.events import Event, Retried, RetryCause, stream_of
from eventqueue.model.job import State, fold
from eventqueue.ports.log import Append
from tests.builders import NOW, claimed, failed

Store = Database[dict[str, Any]]
ROUND: tuple[Event, ...] = (claimed(), failed(retry_at=NOW), Retried(cause=RetryCause.BACKOFF))


@pytest.fixture
def queue(server_uri: str, database: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    monkeypatch.setattr(loading, "LONG", 16)
    with Queue(server_uri, database.name) as queue:
        yield queue


def retried(queue: Queue, job_id: str, rounds: int) -> None:
    """Make a job that has failed so often, and have the views show it."""
    queue.enqueue(id=job_id, command="false", max_retries=10**6)
    stream, log = stream_of("job", job_id), queue.connection.ground.log
    head = log.read(stream)[-1].head
    (result,) = log.append([Append(seal(stream, head, ROUND * rounds, actor="test", now=NOW))])
    assert result.is_whole
    queue.status()


@contextmanager
def read_of(database: Store) -> Iterator[list[int]]:
    """Count the events that are read in the block; the sum is there after it."""
    total: list[int] = []
    database.command("profile", 2)
    try:
        yield total
    finally:
        database.command("profile", 0)
        asked = database["system.profile"].find({"ns": f"{database.name}.events"})
        total.append(sum(one.get("nreturned", 0) for one in asked))
        database.drop_collection("system.profile")


ACTS: dict[str, Callable[[Queue, str], object]] = {
    "get": Queue.get,
    "cancel": Queue.cancel,
    "enqueue again": lambda queue, job_id: queue.enqueue(id=job_id, command="false", max_retries=10**6),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_what_is_read_of_a_job_does_not_grow_with_its_retries(
    queue: Queue, database: Store, act: Callable[[Queue, str], object]
) -> None:
    counts = []
    for job_id, rounds in (("some", 20), ("many", 60)):
        retried(queue, job_id, rounds)
        with read_of(database) as read:
            act(queue, job_id)
        counts += read

    assert counts[0] == counts[1] > 0


def test_a_job_with_a_long_history_is_what_its_history_makes_it(queue: Queue) -> None:
    retried(queue, "one", 20)

    assert queue.get("one") == fold(queue.history("one"))
    queue.cancel("one")
    assert queue.get("one").state is State.CANCELLED  # which the view may not show yet


def test_a_view_that_is_not_the_logs_is_not_believed(queue: Queue, database: Store) -> None:
    retried(queue, "one", 20)
    (jobs,) = database.list_collection_names(filter={"name": {"$regex": "^jobs-"}})
    shown = queue.get("one")
    for change in ({"hash": b"another"}, {"version": shown.version + 7}):
        database[jobs].update_one({"_id": "one"}, {"$set": {**change, "queue": "wrong"}})

        assert queue.get("one") == replace(shown)
