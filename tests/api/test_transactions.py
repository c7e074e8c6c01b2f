"""A job that is enqueued in a transaction of the application's: both or neither."""

from collections.abc import Iterator
from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo import MongoClient, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import OperationFailure

from eventqueue import DuplicateJob, InvalidInput, JobNotFound, Queue, Refused, State, Wanted
from eventqueue.api.handles import Handle
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.layout import prepare
from eventqueue.mongo.log import VISIBLE_S
from eventqueue.sealing.gathering import settled
from eventqueue.testing import TestQueue
from tests.mongo.servers import running

Store = Database[dict[str, Any]]
MAJORITY = WriteConcern("majority")


@pytest.fixture
def queue(server_uri: str, database: Store) -> Iterator[Queue]:
    with Queue(server_uri, db=database.name) as queue:
        yield queue


@pytest.fixture
def session(client: MongoClient[dict[str, Any]], database: Store, queue: Queue) -> Iterator[ClientSession]:
    """A session of the application's own client, which has a collection of its own."""
    database.create_collection("orders")
    with client.start_session() as session:
        yield session


def order(database: Store, session: ClientSession) -> None:
    database["orders"].insert_one({"_id": 1}, session=session)


def test_a_job_and_what_is_written_with_it_are_there_once_that_is_committed(
    queue: Queue, database: Store, session: ClientSession
) -> None:
    with session.start_transaction(write_concern=MAJORITY):
        order(database, session)
        handle = queue.enqueue(command="true", id="one", session=session)
        assert (handle.id, handle.version, handle.created) == ("one", 1, True)
        with pytest.raises(JobNotFound):
            handle.status()

    assert handle.status() is State.PENDING
    assert database["orders"].count_documents({}) == 1
    assert [job.id for job in queue.list().jobs] == ["one"]
    assert not queue.verify_all().findings


def test_neither_is_there_if_the_transaction_is_aborted(queue: Queue, database: Store, session: ClientSession) -> None:
    session.start_transaction(write_concern=MAJORITY)
    order(database, session)
    queue.enqueue(command="true", id="one", session=session)
    session.abort_transaction()

    assert database["orders"].count_documents({}) == 0
    assert queue.list().jobs == []
    assert queue.enqueue(command="true", id="one").created


def test_a_job_that_is_there_already_ends_the_transaction(
    queue: Queue, database: Store, session: ClientSession
) -> None:
    queue.enqueue(command="true", queue="a", key="of the day")

    session.start_transaction(write_concern=MAJORITY)
    order(database, session)
    with pytest.raises(DuplicateJob, match=r"exists already") as refused:
        queue.enqueue(command="true", queue="a", key="of the day", session=session)
    with pytest.raises(OperationFailure):
        session.commit_transaction()

    assert queue.get(refused.value.job_id).key == "of the day"
    assert database["orders"].count_documents({}) == 0
    assert len(queue.history(refused.value.job_id)) == 1


def test_many_jobs_are_there_together_or_not_at_all(queue: Queue, session: ClientSession) -> None:
    jobs = [{"command": "true", "id": f"job-{number}"} for number in range(700)]
    with session.start_transaction(write_concern=MAJORITY):
        handles = queue.enqueue_many(jobs, session=session)
    assert len(queue.find().ids) == len(handles) == 700
    assert all(isinstance(one, Handle) for one in handles)

    for others in ([{"command": "true", "id": "other"}, jobs[3]], [{"command": "true", "id": "other"}] * 2):
        with pytest.raises(DuplicateJob), session.start_transaction(write_concern=MAJORITY):
            queue.enqueue_many(others, session=session)
    assert len(queue.find().ids) == 700


def test_a_transaction_whose_write_concern_is_not_said_has_that_of_the_cluster(
    queue: Queue, session: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    with session.start_transaction():
        queue.enqueue(command="true", id="one", session=session)
    assert queue.get("one")

    # As somebody may have set it, or as is not known.
    monkeypatch.setattr(queue.connection.joining, "_is_majority", False)
    with pytest.raises(InvalidInput, match=r"^session: has a transaction that a majority need not acknowledge"):
        refused(queue, session)


@pytest.mark.parametrize("concern", [WriteConcern(1), WriteConcern(2), WriteConcern("majority", j=False)])
def test_what_a_majority_need_not_acknowledge_is_refused_before_anything_is_written(
    queue: Queue, session: ClientSession, concern: WriteConcern
) -> None:
    with pytest.raises(
        InvalidInput, match=r"^session: has a transaction that a majority need not acknowledge: begin it"
    ):
        refused(queue, session, concern)
    assert queue.list().jobs == []


def refused(queue: Queue, session: ClientSession, concern: WriteConcern | None = None) -> None:
    session.start_transaction(write_concern=concern)
    try:
        queue.enqueue(command="true", session=session)
    finally:
        session.abort_transaction()


def test_a_session_without_a_transaction_is_refused(queue: Queue, session: ClientSession) -> None:
    with pytest.raises(InvalidInput, match=r"^session: has no transaction: begin it"):
        queue.enqueue(command="true", session=session)
    with pytest.raises(InvalidInput, match=r"^session: is the str 'mine'; it must be a ClientSession or None"):
        queue.enqueue(command="true", session="mine")  # type: ignore[arg-type]

    assert queue.list().jobs == []


def test_a_session_of_another_cluster_is_refused_also_where_that_has_a_copy_of_the_log(queue: Queue) -> None:
    ground = queue.connection.ground
    with running() as uri, MongoClient[dict[str, Any]](uri, timeoutMS=30_000) as elsewhere:
        for _ in range(2):
            with (
                elsewhere.start_session() as session,
                pytest.raises(InvalidInput, match=r"^session: is of another cluster"),
            ):
                refused(queue, session, MAJORITY)
            prepare(elsewhere[ground.database.name])
            layout = {"$set": {"log": ground.log_id}}
            elsewhere[ground.database.name]["layout"].update_one({}, layout)


def test_what_may_be_tried_again_as_a_whole_is_left_to_the_driver(
    queue: Queue, client: MongoClient[dict[str, Any]], database: Store, session: ClientSession
) -> None:
    tried: list[int] = []

    def act(session: ClientSession) -> str:
        tried.append(1)
        database["orders"].insert_one({"_id": len(tried)}, session=session)
        if len(tried) == 1:  # somebody else is about to enqueue the same, and then does not
            with client.start_session() as other, other.start_transaction(write_concern=MAJORITY):
                queue.enqueue(command="true", id="one", session=other)
                try:
                    queue.enqueue(command="true", id="one", session=session)
                finally:
                    other.abort_transaction()
        return queue.enqueue(command="true", id="one", session=session).id

    assert session.with_transaction(act, write_concern=MAJORITY) == "one"
    assert len(tried) == 2
    assert database["orders"].count_documents({}) == 1


def test_the_drivers_error_has_the_label_that_its_own_loop_looks_for(
    queue: Queue, client: MongoClient[Any], session: ClientSession
) -> None:
    with client.start_session() as other, other.start_transaction(write_concern=MAJORITY):
        queue.enqueue(command="true", id="one", session=other)
        with pytest.raises(OperationFailure) as failed, session.start_transaction(write_concern=MAJORITY):
            queue.enqueue(command="true", id="one", session=session)

    assert failed.value.has_error_label("TransientTransactionError")


def test_who_follows_is_told_of_a_job_once_that_was_stamped_long_before_it_came(
    queue: Queue, session: ClientSession
) -> None:
    session.start_transaction(write_concern=MAJORITY)
    queue.enqueue(command="true", id="late", session=session)
    queue.enqueue(command="true", id="first")
    following = queue.follow_events(Wanted())
    told = [next(following)]
    session.commit_transaction()
    queue.enqueue(command="true", id="last")
    while [getattr(one, "stream", "") for one in told][-1] != "job-last":
        told.append(next(following))

    streams = [one.stream for one in told if one is not None]
    assert sorted(streams) == ["job-first", "job-last", "job-late"]
    assert len(queue.history("late")) == 1


def test_a_transaction_has_ended_before_its_events_count_as_settled(queue: Queue, client: MongoClient[Any]) -> None:
    limit = client.admin.command("getParameter", transactionLifetimeLimitSeconds=1)["transactionLifetimeLimitSeconds"]
    now = majority_time(queue.connection.ground.database)

    # It is given up then, at the next look: these are half as long apart.
    assert settled(now).time <= now.time - 1.5 * limit
    assert settled(Timestamp(VISIBLE_S, 0)) == Timestamp(0, 0)


def test_a_queue_in_memory_has_no_transactions_and_says_so(session: ClientSession) -> None:
    with TestQueue() as queue, pytest.raises(Refused, match="This needs a database"):
        queue.enqueue(command="true", session=session)
