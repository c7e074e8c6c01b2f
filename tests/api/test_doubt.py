"""Appends whose outcome stays unknown: who asked is told of what, and how to go on without doing it twice."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import bson
import pytest
from bson.int64 import Int64
from pymongo.database import Database

from eventqueue import Queue
from eventqueue.api.enqueueing import Receipt
from eventqueue.errors import InvalidInput, LogUnavailable, Unavailable
from eventqueue.log.group_commit import GroupCommit
from eventqueue.mongo.log import MongoLog
from eventqueue.ports.log import Append, Appended
from eventqueue.worker.life.place import incarnation_here
from tests.builders import append, enqueued
from tests.cli.commands import Queuectl, Ran
from tests.cli.conftest import environ
from tests.mongo.conftest import path_in
from tests.mongo.wire import Cut, Wire, wire_to
from tests.patience import PATIENCE_S

Store = Database[dict[str, Any]]
MANY = 1000  # more inserts than anybody sends before the deadline


@pytest.fixture
def wire(server_uri: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """A wire to the server, for those who give up an append soon."""
    monkeypatch.setattr("pymongo.common.MIN_HEARTBEAT_INTERVAL", 0.02)
    monkeypatch.setattr(MongoLog.__init__, "__defaults__", (0.3,))
    with wire_to(path_in(server_uri)) as wire:
        yield wire


@pytest.fixture
def queue(wire: Wire, database: Store) -> Iterator[Queue]:
    with Queue(wire.uri, database.name) as queue:
        yield queue


@pytest.fixture
def queuectl(wire: Wire, database: Store) -> Queuectl:
    return Queuectl(environ(wire.uri, database.name))


def silent(wire: Wire, cut: Cut = Cut.REPLY_LOST) -> None:
    """From now on no append is answered, whether it is carried out or not."""
    wire.orders.extend([cut] * MANY)


def heal(wire: Wire, queue: Queue) -> None:
    """From now on appends are answered, and waited for: a lost connection is looked for again after a while."""
    wire.orders.clear()
    queue._log._deadline = PATIENCE_S


LOST = pytest.mark.parametrize("cut", [Cut.REPLY_LOST, Cut.REQUEST_LOST])


@LOST
@pytest.mark.parametrize("asked", [{}, {"id": "mine"}, {"key": "k"}, {"delay": 60}], ids=str)
def test_an_enqueue_in_doubt_names_the_job_and_repeated_as_it_says_it_is_one_job(
    queue: Queue, wire: Wire, cut: Cut, asked: dict[str, Any]
) -> None:
    silent(wire, cut)
    with pytest.raises(LogUnavailable) as doubt:
        queue.enqueue(command="true", **asked)
    heal(wire, queue)

    (job_id,) = doubt.value.ids
    says = "in the same way" if asked.keys() & {"id", "key"} else f"with --id {job_id}"
    assert f"Whether job {job_id} was added is unknown after 0.3 s" in str(doubt.value)
    assert str(doubt.value).endswith(f"`queuectl show {job_id}` tells, and to ask for it again {says} is safe.")
    assert "try again" not in str(doubt.value)
    again = {**asked} if asked.keys() & {"id", "key"} else {**asked, "id": job_id}
    receipt = queue.enqueue(command="true", **again)
    assert (receipt.id, receipt.created) == (job_id, cut is Cut.REQUEST_LOST)
    assert len(queue.history(job_id)) == 1


def test_of_many_jobs_those_in_doubt_are_named_and_those_before_them_counted(queue: Queue, wire: Wire) -> None:
    def jobs() -> Iterator[Any]:
        for number in range(1700):
            yield queue.check({"command": "true", "id": f"j-{number}"})

    wire.orders.extend([lambda: None, lambda: None])  # two batches pass
    silent(wire)
    with pytest.raises(LogUnavailable) as doubt:
        queue.enqueue_checked(jobs())

    assert doubt.value.added == 1000
    assert doubt.value.ids == [f"j-{number}" for number in range(1000, 1500)]
    assert "Whether 500 jobs were added (j-1000 to j-1499) is unknown" in str(doubt.value)


def test_what_stops_many_jobs_says_how_many_were_added(queue: Queue) -> None:
    def jobs() -> Iterator[Any]:
        for number in range(1000):
            yield queue.check({"command": "true", "id": f"j-{number}"})
        raise InvalidInput("1000", "is no job")

    with pytest.raises(InvalidInput) as stopped:
        queue.enqueue_checked(jobs())

    assert 0 < stopped.value.added == len(queue._log.find_streams("job-", 2000))


def test_jobs_that_were_added_are_counted_though_those_before_them_cannot_be_read(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(command="true", id="there")
    asked = [queue.check({"command": "true", "id": job_id}) for job_id in ("new", "there", "newer")]

    def unanswered(*_: Any) -> Any:
        raise Unavailable("MongoDB did not answer in time: try again.")

    monkeypatch.setattr(MongoLog, "read_many", unanswered)
    with pytest.raises(Unavailable) as stopped:
        queue.enqueue_checked(asked)

    assert stopped.value.added == 2


@pytest.mark.parametrize("place", [1, 2])
def test_a_job_with_an_event_that_cannot_be_read_does_not_hide_the_others_of_its_batch(
    queue: Queue, database: Store, place: int
) -> None:
    if place == 2:
        queue.enqueue(command="true", id="odd")
    (one,) = append("job-odd", enqueued()).events
    event = bson.decode(one.raw)
    database["events"].insert_one({**event, "_id": {"stream": "job-odd", "version": Int64(place)}, "schema": 9})

    results = queue.enqueue_many([{"command": "true", "id": job_id} for job_id in ("a", "odd", "b")])

    assert [(one.id, one.created, one.version) for one in results if isinstance(one, Receipt)] == [
        ("a", True, 1),
        ("odd", False, 1),
        ("b", True, 1),
    ]
    assert results[1].existing is None  # type: ignore[union-attr]


def test_of_threads_that_share_an_append_each_is_told_of_its_own_job_alone(queue: Queue, wire: Wire) -> None:
    silent(wire)
    ready = threading.Barrier(6)

    def ask(number: int) -> tuple[str, ...]:
        ready.wait(PATIENCE_S)
        with pytest.raises(LogUnavailable) as doubt:
            queue.enqueue(command="true", id=f"j-{number}")
        return tuple(doubt.value.ids)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, range(6))) == [(f"j-{number}",) for number in range(6)]


STEERING: dict[str, tuple[Callable[[Queue], Any], str, str]] = {
    "cancel": (lambda queue: queue.cancel("one"), "job one was changed as asked (to cancelled)", "queuectl show one"),
    "pause": (lambda queue: queue.pause_queue("mail"), "queue mail is paused", "queuectl queue list"),
    "stop": (
        lambda queue: queue.stop_workers(["vm:1"]),
        "worker vm:1 is asked to stop",
        "queuectl worker list",
    ),
    "configure": (lambda queue: queue.configure("timeout", 5), "timeout is set", "queuectl config list"),
}


@LOST
@pytest.mark.parametrize("steer", STEERING)
def test_whatever_people_ask_for_says_what_is_in_doubt_and_asked_for_again_it_is_so(
    queue: Queue, wire: Wire, steer: str, cut: Cut
) -> None:
    act, what, tells = STEERING[steer]
    queue.connection.incarnations.register(incarnation_here("vm:1", "1", (), 1, 1.0))
    queue.enqueue(command="true", id="one")
    silent(wire, cut)
    with pytest.raises(LogUnavailable) as doubt:
        act(queue)
    heal(wire, queue)

    assert str(doubt.value).startswith(f"Whether {what} is unknown after 0.3 s")
    assert f"`{tells}` tells" in str(doubt.value)
    assert str(doubt.value).endswith("again is safe.")
    act(queue)


def test_on_the_command_line_a_job_in_doubt_is_named_and_json_stays_json(queuectl: Queuectl, wire: Wire) -> None:
    queuectl.ok("status")
    silent(wire)

    ran = queuectl.here("enqueue", "--json", "--", "true")

    assert ran.code == 1
    (job_id,) = ran.json["ids"]
    assert ran.json["error"].startswith(f"Whether job {job_id} was added is unknown")
    assert (ran.json["added"], f"--id {job_id}" in ran.err, ran.err.count("\n")) == (0, True, 1)


def test_of_all_jobs_those_in_doubt_are_told_from_those_that_were_not_tried(
    queuectl: Queuectl, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.api.batches.BATCH", 2)
    for job_id in ("one", "two", "three"):
        queuectl.ok("enqueue", "--id", job_id, "--", "true")
    queuectl.ok("list")
    wire.orders.append(lambda: None)  # that the act begins
    silent(wire)

    ran = queuectl.here("cancel", "--all", "--yes", "--json")

    assert ran.code == 1
    *jobs, found = map(json.loads, ran.out.splitlines())
    assert [(one["id"], one.get("in_doubt")) for one in jobs] == [("one", True), ("two", True)]
    assert (found["jobs"], found["done"], found["in_doubt"], found["untried"]) == (3, 0, 2, 1)
    assert "Whether 2 jobs were changed as asked (to cancelled; one to two) is unknown" in ran.err


def test_where_an_act_cannot_be_begun_no_job_is_tried(queuectl: Queuectl, wire: Wire) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    queuectl.ok("list")
    silent(wire, Cut.REQUEST_LOST)

    ran = queuectl.here("cancel", "--all", "--yes")

    assert ran.code == 1
    assert "! 0 of 1 jobs are cancelled" in ran.err
    assert "Nothing was done to any job: to ask again is safe." in ran.err


THREE = ("one", "two", "three")
TOLD = [("one", True, None, None), ("two", None, True, None), ("three", None, None, False)]


@pytest.fixture
def each(monkeypatch: pytest.MonkeyPatch) -> None:
    """One job in a batch."""
    monkeypatch.setattr("eventqueue.api.batches.BATCH", 1)


def became(ran: Ran) -> list[tuple[Any, ...]]:
    return [(one["id"], one.get("changed"), one.get("in_doubt"), one.get("is_tried")) for one in ran.json]


@pytest.mark.usefixtures("each")
def test_a_second_ctrl_c_among_jobs_that_are_named_leaves_none_of_them_untold(
    queuectl: Queuectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    for job_id in THREE:
        queuectl.ok("enqueue", "--id", job_id, "--", "true")
    append, appended = GroupCommit.append, list[int]()

    def interrupted(commit: GroupCommit, appends: Sequence[Append]) -> Sequence[Appended]:
        appended.append(len(appends))
        if len(appended) == 2:
            raise KeyboardInterrupt
        return append(commit, appends)

    monkeypatch.setattr(GroupCommit, "append", interrupted)
    ran = queuectl.here("cancel", "--json", *THREE)

    assert ran.code == 130
    assert became(ran) == TOLD
    assert [one.get("code") for one in ran.json] == [None, "log-unavailable", None]
    assert "Whether job two is cancelled is not known: to ask again is safe." in ran.err
    assert "Not tried: 1 job (three)." in ran.err


@pytest.mark.usefixtures("each")
def test_of_several_jobs_to_be_cancelled_the_one_in_doubt_ends_it_and_is_named(queuectl: Queuectl, wire: Wire) -> None:
    for job_id in THREE:
        queuectl.ok("enqueue", "--id", job_id, "--", "true")
    wire.orders.append(lambda: None)
    silent(wire)

    ran = queuectl.here("cancel", "--json", *THREE)

    assert ran.code == 1
    assert became(ran) == TOLD
    assert "Not tried: 1 job (three)." in ran.err
    assert "Whether job two was changed as asked (to cancelled) is unknown" in ran.err


def test_of_jobs_to_be_restarted_those_in_doubt_are_named_as_they_were_typed(queuectl: Queuectl, wire: Wire) -> None:
    for job_id in ("one", "two"):
        queuectl.ok("enqueue", "--id", job_id, "--", "true")
    queuectl.ok("cancel", "one", "two")
    wire.orders.append(lambda: None)  # that the act begins
    silent(wire)

    ran = queuectl.here("restart", "--json", "one", "two")

    assert ran.code == 1
    assert became(ran) == [("one", None, True, None), ("two", None, True, None)]
    assert "Whether 2 jobs were restarted" in ran.err
