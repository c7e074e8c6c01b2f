"""A Queue in a forked process: it refuses at once, whatever other threads held at the fork, and the parent goes on."""

import inspect
import io
import os
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from eventqueue.api.enqueueing import Receipt
from eventqueue.api.queue import Queue
from eventqueue.audit.simulation import Policy
from eventqueue.errors import BadProjection, QueueClosed, Refused, UsedAfterFork
from eventqueue.ports.views import Filter
from tests.builders import NOW, enqueued, history, job_that_is

PUBLIC = [
    name
    for name, member in inspect.getmembers(Queue, inspect.isfunction)
    if not name.startswith("_") and name != "close"
]
ARGUMENTS: dict[str, Any] = {
    "job": job_that_is("processing"),
    "filter_": Filter(),
    "job_id": "a",
    "worker_id": "a",
    "fingerprint": "0a1b2c3d4e",
    "prefix": "a",
    "fields": {"command": "true"},
    "jobs": [],
    "requests": [],
    "claim": 1,
    "name": "stats",
    "queue": "a",
    "workers": [],
    "job_ids": ["a"],
    "act_id": "a",
    "handles": [],
    "receipt": Receipt("a", "job-a", 1),
    "value": 1,
    "names": ["a"],
    "prefixes": ["a"],
    "moment": NOW,
    "db": "other",
    "history": history(enqueued()),
    "file": io.BytesIO(),
    "policy": Policy(max_retries=1),
    "where": "acme:Cost",
}


def in_child(act: Callable[[], object]) -> int:
    """Fork, act in the child, and return its exit code: 0 if that raised UsedAfterFork."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            act()
        except UsedAfterFork as error:
            code = 0 if f"process {os.getppid()}" in str(error) else 2
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Queue:
    return Queue(server_uri, database.name)


def use(queue: Queue, name: str) -> None:
    method = getattr(queue, name)
    needed = [one for one in inspect.signature(method).parameters.values() if one.default is one.empty]
    named = {"priority": 1} if name.startswith("amend") else {}
    given = {**ARGUMENTS, "name": "max-retries"} if name == "configure" else ARGUMENTS
    found = method(*(given[one.name] for one in needed if one.kind is not one.VAR_KEYWORD), **named)
    if isinstance(found, Iterator):
        next(found)


@pytest.fixture(scope="module")
def before(server_uri: str, client: MongoClient[dict[str, Any]]) -> Iterator[Queue]:
    """A queue that was made before all forks, of which no child may use anything."""
    name = f"test_{uuid4().hex[:16]}"
    with Queue(server_uri, name) as queue:
        yield queue
    client.drop_database(name)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("name", PUBLIC)
def test_every_method_refuses_in_a_forked_process(before: Queue, name: str) -> None:
    assert in_child(lambda: use(before, name)) == 0


# Of nothing nothing is asked; and who asks for what cannot be is told that first.
ANSWERED_WITHOUT_A_DATABASE = {
    *("as_completed", "gather", "progress", "waits", "enqueue_many", "enqueue_checked"),
    *("check", "enqueue", "schedule", "try_projection"),
}


def test_every_method_of_a_closed_queue_says_that_it_is_closed(queue: Queue) -> None:
    queue.close()
    others: set[str] = set()
    for name in PUBLIC:
        try:
            use(queue, name)
            others.add(name)
        except QueueClosed:
            pass
        except (StopIteration, Refused, BadProjection):
            others.add(name)

    assert others == ANSWERED_WITHOUT_A_DATABASE
    with pytest.raises(QueueClosed, match="This Queue is closed"):
        queue.enqueue(command="true")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_grandchild_is_told_who_made_it(queue: Queue) -> None:
    maker = os.getpid()

    def refused_below() -> None:
        with pytest.raises(UsedAfterFork, match=f"process {maker}\\b"):
            queue.status()
        raise UsedAfterFork(os.getppid())  # as its own parent's test expects

    with queue:
        assert in_child(lambda: os._exit(in_child(refused_below))) == 0


BEGUN: dict[str, Callable[[Queue], Iterator[Any]]] = {
    "follow": Queue.follow,
    "verify_views": Queue.verify_views,
}


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("begin", BEGUN.values(), ids=BEGUN)
def test_what_was_begun_before_the_fork_does_not_go_on_in_the_child(
    queue: Queue, begin: Callable[[Queue], Iterator[Any]]
) -> None:
    with queue:
        for job_id in ("a", "b"):
            queue.wait_for(queue.enqueue(id=job_id, command="true"))
        jobs = next(name for name in queue.connection.ground.database.list_collection_names() if name[:5] == "jobs-")
        queue.connection.ground.database[jobs].update_many(
            {}, {"$set": {"queue": "another"}}
        )  # for verify_views to find
        going = begin(queue)
        next(going)
        assert in_child(lambda: next(going)) == 0
        next(going)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_an_act_that_was_begun_before_the_fork_is_not_ended_by_the_child(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.api.batches.BATCH", 2)
    with queue:
        ids = [queue.enqueue(command="true").id for _ in range(4)]
        acting = queue.cancel_many(ids)
        next(acting)
        assert acting.id is not None

        def leave() -> None:
            acting.close()
            next(queue.cancel_many(ids))

        assert in_child(leave) == 0
        assert queue.act(acting.id).sum is None
        assert [one.job_id for one in acting] == ids[1:]
        assert queue.act(acting.id).sum == acting.sum


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_other_threads_that_enqueue_at_the_fork_hang_no_child(queue: Queue) -> None:
    done = threading.Event()

    def enqueue() -> None:
        while not done.is_set():
            queue.enqueue(command="true")

    threads = [threading.Thread(target=enqueue) for _ in range(8)]
    with queue:
        for thread in threads:
            thread.start()
        codes = [in_child(lambda: queue.enqueue(command="true")) for _ in range(20)]
        done.set()
        for thread in threads:
            thread.join()

        assert codes == [0] * 20
        assert queue.enqueue(command="true").created


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_what_a_child_gives_back_is_not_the_parents(queue: Queue) -> None:
    def close_and_use() -> None:
        with queue:
            pass
        queue.close()
        queue.status()

    with queue:
        assert in_child(close_and_use) == 0
        assert queue.enqueue(command="true").created
