"""Waiting goes on while the database does not answer: an election is no reason to give up before the time."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from pymongo.database import Database

from eventqueue.api.enqueueing import Receipt
from eventqueue.api.handles import Handle
from eventqueue.api.queue import Queue
from eventqueue.api.steps import LOOK_S, PORTION
from eventqueue.errors import InvalidInput, JobCancelled, JobFailed, JobNotFound, QueueClosed, Unavailable, WaitTimeout
from eventqueue.model.events import Completed, Error, Event, Failed, FailReason
from eventqueue.model.job import State
from eventqueue.mongo import patience
from eventqueue.mongo.endings import Endings
from eventqueue.ports.views import Filter, Lag
from tests.builders import DEAD_LETTERED, claimed
from tests.cli.past import completed, happened
from tests.mongo.conftest import path_in
from tests.mongo.wire import Wire, wire_to
from tests.patience import PATIENCE_S
from tests.projections.stage import await_that


@pytest.fixture
def wire(server_uri: str) -> Iterator[Wire]:
    with wire_to(path_in(server_uri)) as wire:
        yield wire


@pytest.fixture
def far(wire: Wire, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """A Queue behind a wire that can be taken down, which gives up each call soon."""
    monkeypatch.setattr("eventqueue.connect.CALL_MS", 2000)
    with Queue(wire.uri, database.name) as queue:
        yield queue


@pytest.fixture
def near(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name) as queue:
        yield queue


def test_all_that_fit_are_waited_for_and_none_that_comes_later(near: Queue) -> None:
    for job_id, queue in (("one", "mail"), ("two", "mail"), ("other", "web")):
        near.enqueue(command="true", id=job_id, queue=queue)
    completed(near, "one")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(near.wait_all, Filter(queue="mail", limit=1), PATIENCE_S)
        completed(near, "two")
        jobs = waiting.result()

    assert [(job.id, job.state) for job in jobs] == [("one", State.COMPLETED), ("two", State.COMPLETED)]
    assert near.wait_all(Filter(queue="nobody"), 0) == []
    with pytest.raises(WaitTimeout):
        near.wait_all(Filter(queue="web"), 0)


def test_all_that_fit_are_not_waited_for_where_the_view_may_not_have_them_all(
    near: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    near.enqueue(command="true", queue="mail")
    assert len(near.find(queue="mail")) == 1
    monkeypatch.setattr(near.connection.views, "refresh", lambda: Lag(3.0))

    with pytest.raises(Unavailable, match="behind the log"):
        near.wait_all(Filter(queue="mail"), 0)


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
    real = patience.answered_within

    def noted(seconds: float) -> AbstractContextManager[None]:
        if threading.current_thread() is threading.main_thread():  # and not whoever listens for all who wait
            given.append(seconds)
        return real(seconds)

    job = near.enqueue(command="true").id
    with Queue(wire.uri, database.name) as queue, monkeypatch.context() as patched:
        patched.setattr("eventqueue.api.waiting.answered_within", noted)
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


# Handles.


FAILED = Error(
    type="ValueError", message="no such thing", traceback="Traceback …\n  in send\nValueError: no such thing"
)


def ended(queue: Queue, how: Event) -> Handle[Any]:
    handle = queue.enqueue(command="true")
    happened(queue, handle.id, claimed(), how)
    return handle


def test_a_handle_is_a_receipt_that_tells_of_its_job(near: Queue) -> None:
    handle = near.enqueue(command="true", id="one")

    assert isinstance(handle, Receipt)
    assert (handle.id, handle.stream, handle.version, handle.created) == ("one", "job-one", 1, True)
    assert handle.status() is State.PENDING
    with pytest.raises(WaitTimeout):
        handle.result(timeout=timedelta(0))
    happened(near, "one", claimed(), Completed(result={"n": 1}))
    assert handle.status() is State.COMPLETED
    assert handle.result() == {"n": 1}


def test_a_job_is_asked_for_its_result_by_its_id_from_anywhere(near: Queue) -> None:
    first = ended(near, Completed(result=7))

    again = near.handle(first.id)

    assert again == first
    assert len({first, again}) == 1
    assert again.existing is not None
    assert again.existing.state is State.COMPLETED
    assert again.result() == 7
    assert near.enqueue(command="true", id=first.id).result(PATIENCE_S) == 7


def test_the_result_of_a_dead_job_is_its_error_with_the_traceback_of_where_it_failed(near: Queue) -> None:
    handle = near.enqueue(command="true")
    happened(near, handle.id, claimed(), Failed(reason=FailReason.ERROR, error=FAILED), DEAD_LETTERED)

    with pytest.raises(JobFailed, match=f"Job {handle.id} is dead .ValueError: no such thing.") as failed:
        handle.result(PATIENCE_S)

    assert (failed.value.job_id, failed.value.kind, failed.value.message) == (handle.id, "ValueError", "no such thing")
    assert failed.value.traceback == FAILED.traceback
    assert "  in send\n" in "".join(failed.value.__notes__)


def test_the_result_of_a_cancelled_job_says_that_it_was_cancelled(near: Queue) -> None:
    handle = near.enqueue(command="true")
    near.cancel(handle.id)

    with pytest.raises(JobCancelled, match=f"Job {handle.id} was cancelled"):
        handle.result(PATIENCE_S)


def test_results_are_gathered_in_order_and_come_as_they_are_there(near: Queue) -> None:
    handles = [near.enqueue(command="true") for _ in range(3)]
    coming = near.as_completed(handles, PATIENCE_S)
    for place in (2, 0, 1):
        happened(near, handles[place].id, claimed(), Completed(result=place))
        done = next(coming)
        assert done == handles[place]
        assert done.result() == place  # without a question: it was told with it
    assert list(coming) == []

    assert near.gather(handles, PATIENCE_S) == [0, 1, 2]
    assert near.gather([handles[1], handles[1]]) == [1, 1]
    assert near.gather([]) == []


def test_who_gathers_is_told_of_the_first_failure_at_once(near: Queue) -> None:
    open_, bad = near.enqueue(command="true"), near.enqueue(command="true")
    near.cancel(bad.id)

    with pytest.raises(JobCancelled, match=bad.id):
        near.gather([open_, bad])
    with pytest.raises(WaitTimeout):
        near.gather([open_], timeout=0)
    with pytest.raises(InvalidInput, match=r"handles: .* several, each a Handle"):
        near.gather([open_, "two"])  # type: ignore[arg-type]


def test_a_result_is_read_as_its_handle_says(near: Queue) -> None:
    handle = replace(ended(near, Completed(result="2026-01-01")), read=date.fromisoformat)

    assert handle.result() == date(2026, 1, 1)


def test_the_end_of_a_job_is_told_though_no_view_moves(near: Queue) -> None:
    handle = near.enqueue(command="true")
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(handle.result)  # without an end in time, and nobody projects here
        happened(near, handle.id, claimed(), Completed(result=1))

        assert waiting.result(PATIENCE_S) == 1


def noting(question: Callable[..., Any], asked: list[object]) -> Callable[..., Any]:
    def ask(*given: Any) -> Any:
        asked.append(question)
        return question(*given)

    return ask


def test_who_waits_for_a_queue_that_is_closed_is_told_at_once(
    server_uri: str, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, tell = list[object](), Endings._tell

    def remember(self: Endings, change: Any) -> None:
        heard.append(change)
        tell(self, change)

    monkeypatch.setattr(Endings, "_tell", remember)
    with ThreadPoolExecutor() as pool:
        with Queue(server_uri, database.name) as closing:
            waiting = pool.submit(closing.enqueue(command="true").result, 2 * PATIENCE_S)
            await_that(lambda: len(heard) > 1)  # the stream is open, and so quiet that who waits has looked
        with pytest.raises(QueueClosed):
            waiting.result(PATIENCE_S / 2)


def test_a_thousand_handles_cost_a_question_a_wake_up(near: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    handles = [one for one in near.enqueue_many([{"command": "true"}] * 1000) if isinstance(one, Handle)]
    asked: list[object] = []
    coming = near.as_completed(handles, PATIENCE_S)
    happened(near, handles[0].id, claimed(), Completed())
    next(coming)
    for question in ("read_many", "find_next"):
        monkeypatch.setattr(near._log, question, noting(getattr(near._log, question), asked))
    for handle in handles[1:6]:
        happened(near, handle.id, claimed(), Completed())
        assert next(coming) == handle
    coming.close()  # type: ignore[attr-defined]

    # And, once the stream is open, one look at all: two questions for each PORTION.
    assert len(asked) <= 5 + 4
