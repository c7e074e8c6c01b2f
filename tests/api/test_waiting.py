"""Waiting goes on while the database does not answer: an election is no reason to give up before the time."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any

import pymongo
import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.api.waiting import LOOK_S, PORTION
from eventqueue.errors import JobNotFound, Unavailable, WaitTimeout
from eventqueue.model.job import State
from tests.cli.past import completed
from tests.mongo.conftest import path_in
from tests.mongo.wire import Wire, wire_to

PATIENCE_S = 60.0


@pytest.fixture
def wire(server_uri: str) -> Iterator[Wire]:
    with wire_to(path_in(server_uri)) as wire:
        yield wire


@pytest.fixture
def far(wire: Wire, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """A Queue behind a wire that can be taken down, which gives up each call soon."""
    monkeypatch.setattr("eventqueue.connect.CALL_MS", 500)
    with Queue(wire.uri, database.name) as queue:
        yield queue


@pytest.fixture
def near(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name) as queue:
        yield queue


def test_a_job_is_waited_for_through_an_outage(wire: Wire, far: Queue, near: Queue) -> None:
    job = near.enqueue(command="true").id
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(far.wait, [job], PATIENCE_S)
        wire.take_down()
        with pytest.raises(Unavailable):
            far.get(job)  # so long it is down
        completed(near, job)
        assert not waiting.done()
        wire.bring_up()

        assert [one.state for one in waiting.result(PATIENCE_S)] == [State.COMPLETED]


def test_a_receipt_is_waited_for_through_an_outage(wire: Wire, far: Queue, near: Queue) -> None:
    wire.take_down()
    receipt = near.enqueue(command="true")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(far.wait_for, receipt, PATIENCE_S)
        with pytest.raises(Unavailable):
            far.get(receipt.id)
        assert not waiting.done()
        wire.bring_up()

        assert waiting.result(PATIENCE_S)


def test_who_follows_goes_on_after_an_outage(wire: Wire, far: Queue, near: Queue) -> None:
    moved = threading.Event()

    def follow() -> None:
        for has_moved in far.follow():
            if has_moved:
                moved.set()
                return

    thread = threading.Thread(target=follow, daemon=True)
    wire.take_down()
    thread.start()
    with pytest.raises(Unavailable):
        far.status()
    wire.bring_up()
    while not moved.wait(0.5):
        near.enqueue(command="true")
        near.status()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


def test_the_timeout_ends_it_and_the_reason_is_told(wire: Wire, far: Queue, near: Queue) -> None:
    job = near.enqueue(command="true").id
    wire.take_down()

    with pytest.raises(WaitTimeout, match=r"it may still come .*MongoDB"):
        far.wait([job], 0.1)
    wire.bring_up()


def test_no_answer_is_waited_for_longer_than_there_is_time(
    wire: Wire, near: Queue, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []
    real = pymongo.timeout

    def noted(seconds: float) -> AbstractContextManager[None]:
        if threading.current_thread() is threading.main_thread():  # and not whoever listens for all who wait
            given.append(seconds)
        return real(seconds)

    job = near.enqueue(command="true").id
    with Queue(wire.uri, database.name) as queue, monkeypatch.context() as patched:
        patched.setattr("eventqueue.api.waiting.pymongo.timeout", noted)
        wire.take_down()
        with pytest.raises(WaitTimeout, match="MongoDB"):
            queue.wait([job], 0.1)
        wire.bring_up()

    assert given
    assert max(given) <= LOOK_S


def test_what_time_cannot_mend_ends_it_at_once(near: Queue) -> None:
    with pytest.raises(JobNotFound):
        near.wait(["no-such-job"])


def test_of_very_many_only_those_that_went_on_are_read_again(near: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [f"job-{number}" for number in range(PORTION + 100)]
    near.enqueue_many([{"command": "true", "id": job_id} for job_id in ids])
    read: list[int] = []
    read_many = near._log.read_many

    def noted(streams: Any, *most: Any) -> Any:
        read.append(len(streams))
        return read_many(streams, *most)

    monkeypatch.setattr(near._log, "read_many", noted)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(near.wait, ids, PATIENCE_S)
        while sum(read) < len(ids):
            pass
        for _ in near.cancel_many(ids[:3]):
            pass
        for _ in near.cancel_many(ids[3:]):
            pass
        ended = waiting.result(PATIENCE_S)

    assert [job.id for job in ended] == ids
    assert {job.state for job in ended} == {State.CANCELLED}
    # Each by who waits at first and at its end, and by who cancels it.
    assert sum(read) == 3 * len(ids)
