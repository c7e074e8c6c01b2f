"""A job that an application enqueues in a transaction while the primary changes: both or neither, whenever it does."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient, WriteConcern
from pymongo.client_session import ClientSession
from pymongo.errors import PyMongoError

from eventqueue import JobNotFound, Queue
from tests.faults.replica_set import ReplicaSet, replica_set

pytestmark = pytest.mark.faults

MAJORITY = WriteConcern("majority")
BEFORE_JOB, BEFORE_COMMIT = "before the job", "before the commit"


@pytest.fixture(scope="module")
def three() -> Iterator[ReplicaSet]:
    with replica_set() as three:
        yield three


@pytest.fixture
def application(three: ReplicaSet) -> Iterator[MongoClient[dict[str, Any]]]:
    with MongoClient[dict[str, Any]](three.uri, timeoutMS=60_000) as client:
        yield client


@pytest.fixture
def queue(three: ReplicaSet) -> Iterator[Queue]:
    with Queue(three.uri, f"test_{uuid4().hex[:16]}") as queue:
        yield queue


def transact(queue: Queue, session: ClientSession, three: ReplicaSet, when: str) -> None:
    """Write an order and enqueue its job, and have the primary step down in the middle."""
    database = session.client[queue.connection.ground.database.name]
    database["orders"].insert_one({"_id": 1}, session=session)
    if when == BEFORE_JOB:
        three.step_down()
    queue.enqueue(command="true", id="order-1", session=session)
    if when == BEFORE_COMMIT:
        three.step_down()


def there(queue: Queue) -> tuple[int, int]:
    """How many orders there are, and how many events of the job."""
    orders = queue.connection.ground.database["orders"].count_documents({})
    try:
        return orders, len(queue.history("order-1"))
    except JobNotFound:
        return orders, 0


@pytest.mark.parametrize("when", [BEFORE_JOB, BEFORE_COMMIT])
def test_a_transaction_that_lost_its_primary_leaves_both_or_neither(
    three: ReplicaSet, application: MongoClient[dict[str, Any]], queue: Queue, when: str
) -> None:
    with (
        application.start_session() as session,
        suppress(PyMongoError),
        session.start_transaction(write_concern=MAJORITY),
    ):
        transact(queue, session, three, when)

    assert there(queue) in ((0, 0), (1, 1))


@pytest.mark.parametrize("when", [BEFORE_JOB, BEFORE_COMMIT])
def test_the_drivers_loop_brings_both_once_through_a_change_of_the_primary(
    three: ReplicaSet, application: MongoClient[dict[str, Any]], queue: Queue, when: str
) -> None:
    tried: list[int] = []

    def act(session: ClientSession) -> None:
        tried.append(1)
        transact(queue, session, three, when if len(tried) == 1 else "never")

    with application.start_session() as session:
        session.with_transaction(act, write_concern=MAJORITY)

    assert there(queue) == (1, 1)
    assert not queue.verify_all().findings
