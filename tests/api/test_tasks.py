"""Tasks as an application enqueues them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pymongo import MongoClient, WriteConcern
from pymongo.database import Database

from eventqueue import Backoff, InvalidInput, NoCurrentJob, Queue, State, current_job, task, use_queue, using
from eventqueue.api import current, place
from eventqueue.api.handles import Handle
from eventqueue.errors import DifferentJob
from eventqueue.model.events import Call, Completed
from eventqueue.tasks import registry
from tests.builders import claimed
from tests.cli.past import happened

ORDER = UUID("5f0c1a6e-0000-4000-8000-000000000000")


@dataclass
class Parcel:
    order: UUID
    weight: float


def ship(parcel: Parcel, to: str = "ann") -> str:
    return f"{parcel.order} to {to}"


@pytest.fixture(autouse=True)
def _nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_tasks", {})


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, db=database.name) as queue, using(queue):
        yield queue


def test_a_call_is_enqueued_with_its_values_as_json(queue: Queue) -> None:
    job = queue.get(task(ship).enqueue(Parcel(ORDER, 1.5), to="bob").id)

    assert job.run == Call(
        task="tests.api.test_tasks.ship",
        kwargs={"parcel": {"order": str(ORDER), "weight": 1.5}, "to": "bob"},
    )
    assert job.state is State.PENDING


def test_an_argument_that_does_not_fit_is_refused_before_anything_is_stored(queue: Queue) -> None:
    with pytest.raises(InvalidInput, match="parcel: expected Parcel, got int"):
        task(ship).enqueue(7)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match=r"1\.parcel"):
        task(ship).map([Parcel(ORDER, 1), 7])

    assert queue.list().jobs == []


def test_what_a_task_says_of_its_jobs_holds_unless_a_call_says_otherwise(queue: Queue) -> None:
    declared = task(queue="mail", priority=7, max_retries=1, backoff=Backoff(base=1.0), timeout=60, tags=["slow"])(ship)

    plain = queue.get(declared.enqueue(Parcel(ORDER, 1)).id)
    other = queue.get(declared.options(queue="web", delay=timedelta(hours=1), tags=[]).enqueue(Parcel(ORDER, 1)).id)

    assert (plain.queue, plain.priority, plain.max_retries, plain.timeout, plain.tags) == ("mail", 7, 1, 60, ("slow",))
    assert plain.backoff == Backoff(base=1.0)
    assert (other.queue, other.priority, other.tags) == ("web", 7, ())
    assert other.due_at
    assert other.due_at - other.created_at == timedelta(hours=1)


def test_a_job_of_a_task_that_expires_does_so_after_it_is_due(queue: Queue) -> None:
    declared = task(expires=timedelta(minutes=5))(ship)

    job = queue.get(declared.options(delay=60).enqueue(Parcel(ORDER, 1)).id)

    assert job.expires_at
    assert job.expires_at - job.created_at == timedelta(minutes=6)


def test_many_calls_are_enqueued_at_once(queue: Queue) -> None:
    parcel = Parcel(ORDER, 1)

    receipts = task(ship).options(queue="web").map([parcel, (parcel, "bob"), {"parcel": parcel, "to": "eve"}])

    found = [queue.get(one.id) for one in receipts if not isinstance(one, DifferentJob)]
    assert [one.run.kwargs.get("to") for one in found if isinstance(one.run, Call)] == [None, "bob", "eve"]
    assert {one.queue for one in found} == {"web"}


def test_a_signature_is_a_call_that_can_be_enqueued_later(queue: Queue) -> None:
    later = task(ship).options(key="one").signature(Parcel(ORDER, 1))

    assert later.enqueue().created
    assert not queue.enqueue(later).created
    assert not queue.enqueue(later.fields()).created


def test_a_task_that_is_named_in_json_is_checked_and_has_its_policy_where_it_is_known(queue: Queue) -> None:
    task(name="ship", aliases=["send"], queue="mail")(ship)
    parcel = {"order": str(ORDER), "weight": 1}

    job = queue.get(queue.enqueue(task="send", args=[parcel]).id)

    assert job.run == Call(task="ship", kwargs={"parcel": {"order": str(ORDER), "weight": 1.0}})
    assert job.queue == "mail"
    with pytest.raises(InvalidInput, match="parcel: expected uuid"):
        queue.enqueue(task="ship", args=[{"order": 1, "weight": 1}])
    assert queue.get(queue.enqueue(task="elsewhere", args=[1]).id).run == Call(task="elsewhere", args=[1])


def test_a_unique_task_is_one_job_for_the_same_arguments(queue: Queue) -> None:
    unique = task(unique=True)(ship)

    first = unique.enqueue(Parcel(ORDER, 1))

    assert unique.enqueue(parcel=Parcel(ORDER, 1)).id == first.id
    assert unique.enqueue(Parcel(ORDER, 1), to="ann").id == first.id  # as it is by default
    assert unique.enqueue(Parcel(ORDER, 2)).id != first.id
    assert unique.options(key="another").enqueue(Parcel(ORDER, 1)).id != first.id
    with pytest.raises(DifferentJob, match="priority"):
        unique.options(priority=5).enqueue(Parcel(ORDER, 1))
    with pytest.raises(DifferentJob, match="kwargs"):
        unique.options(key="another").enqueue(Parcel(ORDER, 2))


def test_a_task_may_be_unique_within_a_stretch_of_time(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    hourly = task(unique=timedelta(hours=1))(ship)
    now = datetime(2030, 1, 1, 8, 59, tzinfo=UTC)
    monkeypatch.setattr(queue.connection.ground.clock, "now", lambda: now)
    first = hourly.enqueue(Parcel(ORDER, 1))
    again = hourly.enqueue(Parcel(ORDER, 1))
    now += timedelta(minutes=2)

    assert again.id == first.id
    assert hourly.enqueue(Parcel(ORDER, 1)).id != first.id


def test_tasks_go_to_the_queue_in_use_of_the_block_or_of_the_process(queue: Queue, server_uri: str) -> None:
    with Queue(server_uri, f"{queue.connection.ground.database.name}_2") as other:
        use_queue(other)
        try:
            with using(queue):
                inner = task(ship).enqueue(Parcel(ORDER, 1))
            assert queue.get(inner.id)
        finally:
            use_queue(None)
            other.connection.client.drop_database(other.connection.ground.database.name)


def test_without_a_queue_in_use_that_of_the_environment_is_opened_once(
    server_uri: str, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current, "_own", None)
    monkeypatch.setattr(place, "_is_tested", False)
    monkeypatch.setenv("QUEUECTL_URI", server_uri)
    monkeypatch.setenv("QUEUECTL_DB", database.name)

    opened = current.current_queue()
    with opened:
        receipt = task(ship).enqueue(Parcel(ORDER, 1))

        assert current.current_queue() is opened
        assert opened.get(receipt.id)
        assert opened.connection.ground.database.name == database.name


def test_a_queue_is_where_the_environment_says_as_it_is_for_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QUEUECTL_URI", "QUEUECTL_DB"):
        monkeypatch.delenv(name, raising=False)
    assert place.place_of(None, None) == (None, "queuectl")

    monkeypatch.setenv("QUEUECTL_URI", "mongodb://db.example")
    monkeypatch.setenv("QUEUECTL_DB", "shop")

    assert place.place_of(None, None) == ("mongodb://db.example", "shop")
    assert place.place_of("mongodb://other.example", None) == ("mongodb://other.example", "shop")
    assert place.place_of(None, "other") == ("mongodb://db.example", "other")
    assert place.place_of("", "") == ("", "")
    monkeypatch.setattr(place, "_place", ("mongodb://worker.example", "work"))
    assert place.place_of(None, None) == ("mongodb://worker.example", "work")
    assert place.place_of("mongodb://other.example", None) == ("mongodb://other.example", "shop")


def test_without_arguments_it_is_there(
    server_uri: str, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUECTL_URI", server_uri)
    monkeypatch.setenv("QUEUECTL_DB", database.name)

    with Queue() as queue:
        assert queue.connection.ground.database.name == database.name


def test_no_job_runs_outside_of_a_worker() -> None:
    with pytest.raises(NoCurrentJob, match="No job runs here"):
        current_job()


def test_a_handle_gives_what_the_function_returned_by_its_annotation(queue: Queue) -> None:
    def weighed(parcel: Parcel) -> Parcel:
        return parcel

    declared = task(name="weighed")(weighed)
    handles = [declared.enqueue(Parcel(ORDER, 1.5)), *declared.map([Parcel(ORDER, 1.5)])]

    for handle in handles:
        assert isinstance(handle, Handle)
        happened(queue, handle.id, claimed(), Completed(result={"order": str(ORDER), "weight": 1.5}))
        assert handle.result(timedelta(seconds=30)) == Parcel(ORDER, 1.5)


def test_a_task_is_enqueued_within_the_transaction_of_a_session(queue: Queue, client: MongoClient[Any]) -> None:
    with client.start_session() as session:
        within = task(ship).options(session=session, queue="mail")
        session.start_transaction(write_concern=WriteConcern("majority"))
        given_up = [within.enqueue(Parcel(ORDER, 1)), *within.map([Parcel(ORDER, 2)])]
        session.abort_transaction()
        with session.start_transaction(write_concern=WriteConcern("majority")):
            kept = [within.enqueue(Parcel(ORDER, 1)), queue.enqueue(within.signature(Parcel(ORDER, 2)))]

    assert len(given_up) == 2
    assert {job.id for job in queue.list(queue="mail").jobs} == {one.id for one in kept}
