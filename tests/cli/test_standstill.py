"""Queues that do not move: `status`, `doctor` and `why` say so, and the same."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.model.events import Call
from eventqueue.mongo.leases import PROJECTING, Lease
from tests.builders import append, claimed, enqueued
from tests.cli.commands import Queuectl
from tests.cli.test_why import SECOND, serve, why


def hang(queue: Queue, slots: int, seconds: float) -> None:
    """Have all slots of a worker hold jobs that were claimed so long ago, beside one that is due for as long."""
    serve(queue, slots=slots)
    ground = queue.connection.ground
    long_ago = ground.clock.now() - seconds * SECOND
    ground.database["workers"].update_one({"_id": "w:1"}, {"$set": {"started_at": long_ago}})
    running = [append(f"job-hung-{n}", enqueued(), claimed(worker="w:1"), now=long_ago) for n in range(slots)]
    ground.log.append([*running, append("job-behind", enqueued(), now=long_ago)])


def still(queuectl: Queuectl) -> Sequence[dict[str, Any]]:
    found: Sequence[dict[str, Any]] = queuectl.ok("status", "--json").json["still"]
    return found


def check(queuectl: Queuectl, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in queuectl.here("doctor", "--json").json["checks"] if one["name"] == name)
    return found


def test_twenty_slots_that_hang_beside_a_backlog_are_not_all_green(queuectl: Queuectl, queue: Queue) -> None:
    hang(queue, 20, 2400)

    (one,) = still(queuectl)
    assert (one["queue"], one["kind"]) == ("default", "busy")
    words = "all 20 slots that serve it are busy, and none has come free for 40 min"
    assert f"queue default does not move: {words}" in queuectl.ok("status").out
    found = check(queuectl, "queues")
    assert words in found["found"]
    assert "`queuectl worker start --queue default`" in found["remedy"]
    assert queuectl.here("doctor").code == 1
    assert why(queuectl, "behind")[0]["kind"] == "busy"


def test_a_backlog_that_workers_have_just_begun_on_is_green(queuectl: Queuectl, queue: Queue) -> None:
    hang(queue, 2, 5)

    assert still(queuectl) == []
    assert check(queuectl, "queues")["remedy"] is None


def test_jobs_that_are_due_later_are_no_backlog(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="later", command="true", delay=3600)

    assert still(queuectl) == []
    assert check(queuectl, "workers")["found"] == "0 alive, 0 jobs running, 0 jobs due"
    assert check(queuectl, "queues")["remedy"] is None
    assert queuectl.ok("doctor")


def test_a_queue_with_due_jobs_that_nobody_serves_is_named_by_both(queuectl: Queuectl, queue: Queue) -> None:
    serve(queue, "web")
    queue.enqueue(command="true", queue="mail")
    queue.enqueue(command="true", queue="web")

    assert [(one["queue"], one["kind"]) for one in still(queuectl)] == [("mail", "unserved")]
    assert "queue mail does not move: no worker serves it; its first job is due" in queuectl.ok("status").out
    assert check(queuectl, "queues")["remedy"] == "`queuectl worker start --queue mail`"


def test_whoever_is_to_serve_a_queue_of_tasks_is_told_to_import_their_module(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue({"task": "app.send", "queue": "mail"})
    queue.enqueue(command="true", queue="web")
    queuectl.ok("list")

    start = "`queuectl worker start --queue mail --queue web --import MODULE`"
    assert check(queuectl, "queues")["remedy"] == f"{start}, with the module that declares the task"


def test_where_all_slots_are_busy_another_worker_needs_the_module_of_the_tasks_too(
    queuectl: Queuectl, queue: Queue
) -> None:
    hang(queue, 2, 40)
    queue.enqueue({"task": "app.send"})

    assert still(queuectl)[0]["kind"] == "busy"
    assert "`queuectl worker start --queue default --import MODULE`" in check(queuectl, "queues")["remedy"]


def test_of_very_many_queues_some_are_named(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue_many({"command": "true", "queue": f"queue-{number}"} for number in range(15))

    assert "… and 5 queues more that do not: --json names them" in queuectl.ok("status").out
    assert len(still(queuectl)) == 15
    assert "; and 12 queues more" in check(queuectl, "queues")["found"]


def test_views_that_nobody_keeps_are_told_before_anything_follows_from_them(
    queuectl: Queuectl, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    queuectl.ok("list")
    assert Lease(database, PROJECTING, "a projector that does nothing").acquire()
    monkeypatch.setattr("projections.reading.refreshing.WAIT_S", 0.1)
    queuectl.ok("enqueue", "--id", "one", "--", "true")

    assert "nothing is waiting" not in check(queuectl, "projector")["found"]
    assert [one["kind"] for one in why(queuectl, "one")] == ["unserved", "enqueued"]


def wait_for(queue: Queue, task: str, seconds: float, *, others_move: bool = False) -> None:
    """Have a job be due for so long of a task that a worker, which is there for as long, does not know."""
    serve(queue, slots=2)
    ground = queue.connection.ground
    long_ago = ground.clock.now() - seconds * SECOND
    ground.database["workers"].update_one({"_id": "w:1"}, {"$set": {"started_at": long_ago, "tasks": ["app.send"]}})
    asked = replace(enqueued(), run=Call(task=task))
    moving = [append("job-moves", enqueued(), claimed(worker="w:1"), now=ground.clock.now())] if others_move else []
    ground.log.append([append("job-one", asked, now=long_ago), *moving])


def test_a_queue_whose_tasks_no_worker_knows_is_told_with_that_reason(queuectl: Queuectl, queue: Queue) -> None:
    wait_for(queue, "app.sned", 40)

    (one,) = still(queuectl)

    assert (one["queue"], one["kind"]) == ("default", "unknown")
    assert one["text"].startswith("no worker that serves it knows task app.sned; its first job is due since")
    assert "`queuectl worker start --queue default --import MODULE`" in check(queuectl, "queues")["remedy"]
    assert "worker list" not in check(queuectl, "queues")["remedy"]


def test_where_one_of_the_first_jobs_could_be_taken_it_is_not_for_want_of_a_task(
    queuectl: Queuectl, queue: Queue
) -> None:
    wait_for(queue, "app.sned", 40)
    long_ago = queue.connection.ground.clock.now() - 40 * SECOND
    known = replace(enqueued(), run=Call(task="app.send"))
    queue.connection.ground.log.append([append("job-known", known, now=long_ago)])

    assert [one["kind"] for one in still(queuectl)] == ["free"]


def test_a_task_that_no_worker_knows_is_told_though_others_of_its_queue_run(queuectl: Queuectl, queue: Queue) -> None:
    wait_for(queue, "app.sned", 40, others_move=True)

    assert still(queuectl) == []
    found = check(queuectl, "tasks")
    assert found["found"].startswith("app.sned is known to no live worker of queue default: job one is due since")
    assert "--import MODULE" in found["remedy"]
    assert "`queuectl cancel one`" in found["remedy"]
    assert queuectl.here("doctor").code == 1


@pytest.mark.parametrize(("task", "seconds"), [("app.send", 40), ("app.sned", 5)], ids=["known", "a moment"])
def test_a_task_that_is_known_or_waits_for_a_moment_alone_is_green(
    queuectl: Queuectl, queue: Queue, task: str, seconds: float
) -> None:
    wait_for(queue, task, seconds, others_move=True)

    assert check(queuectl, "tasks")["remedy"] is None
