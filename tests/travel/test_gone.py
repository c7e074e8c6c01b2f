"""Workers that were: what became of each, what it held and what has become of that, who came next; now and then."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.errors import InvalidInput
from eventqueue.model.codec import seal
from eventqueue.model.events import EMPTY
from eventqueue.model.job import Claim, State, decide
from eventqueue.model.lives import WorkerEvent, WorkerLeft, WorkerLost, WorkerStarted, WorkerStopAsked
from eventqueue.ports.log import Append
from eventqueue.ports.views import Ending, Gone, Held
from eventqueue.steering.chronicle import tell
from eventqueue.travel.gone import HELD_TOLD
from eventqueue.worker.life.place import incarnation_here
from tests.cli.commands import Queuectl
from tests.cli.conftest import environ
from tests.travel.lives import Chances, append_to, taken


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name, actor="tests") as queue:
        yield queue


def told(queue: Queue, worker: str, *events: WorkerEvent) -> None:
    for event in events:
        tell(queue.connection.ground.log, queue.connection.ground.clock, worker, event, "supervisor/web-1")


def started(name: str = "1") -> WorkerStarted:
    return WorkerStarted(name=name, host="web-1", pid=7, concurrency=2, lease=30.0)


def claim(queue: Queue, job_id: str, worker: str) -> None:
    job = queue.get(job_id)
    ground = queue.connection.ground
    append_to(ground, job.stream, job.head, decide(job, Claim(worker, "web-1", 7), ground.clock.now()))


def by_id(found: Any) -> dict[str, Gone]:
    return {one.worker.id: one for one in found}


def test_what_became_of_a_worker_is_told_with_what_it_held_and_what_has_become_of_that(queue: Queue) -> None:
    queue.enqueue(id="one", command="true")
    told(queue, "web-1:a", started())
    claim(queue, "one", "web-1:a")
    told(queue, "web-1:a", WorkerLost(seen_dead=True, held=("one", "unknown")))
    told(queue, "web-1:b", started(), WorkerStopAsked(why="it moves"), WorkerLeft())
    told(queue, "web-1:c", started("2"))

    lost, left = (by_id(queue.workers_gone())[f"web-1:{one}"] for one in "ab")

    assert (lost.ending, lost.seen_dead, lost.told_by, lost.successor) == (
        Ending.LOST,
        True,
        "supervisor/web-1",
        "web-1:b",
    )
    assert lost.held == (Held("one", State.PROCESSING), Held("unknown", None))
    assert (left.ending, left.asked_by, left.why, left.held) == (Ending.LEFT, "supervisor/web-1", "it moves", ())
    assert left.successor is None  # what lives besides has another name
    assert left.worker.started_at <= (left.at or left.worker.started_at)
    queue.cancel("one")
    assert by_id(queue.workers_gone())["web-1:a"].held[0].state is State.CANCELLED


def test_who_has_left_just_now_is_told_also_by_who_has_a_clock_that_is_a_little_behind(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(queue, "web-1:a", started(), WorkerLeft())
    (left,) = queue.workers_gone()
    assert left.at is not None
    before = left.at - timedelta(milliseconds=50)
    monkeypatch.setattr(queue.connection.ground.clock, "now", lambda: before)

    assert queue.workers_gone() == [left]


def test_the_newest_come_first_and_no_more_than_are_asked_for(queue: Queue) -> None:
    for number in range(5):
        told(queue, f"web-1:{number}", started(), WorkerLost(held=tuple(f"job-{n}" for n in range(HELD_TOLD + 5))))
        Chances(queue, 0).moment()

    assert [one.worker.id for one in queue.workers_gone(limit=2)] == ["web-1:4", "web-1:3"]
    assert {(len(one.held), one.held_number) for one in queue.workers_gone()} == {(HELD_TOLD, HELD_TOLD + 5)}
    assert by_id(queue.workers_gone())["web-1:0"].successor == "web-1:1"
    assert queue.workers_gone(within=timedelta(0)) == []
    with pytest.raises(InvalidInput, match="limit"):
        queue.workers_gone(limit=0)


def test_those_that_were_long_ago_cost_nothing(queue: Queue, database: Database[dict[str, Any]]) -> None:
    ground = queue.connection.ground
    now = ground.clock.now()
    for part in range(6):
        lives = [long_ago(f"worker-web-1:{part}-{number}", now - timedelta(days=7)) for number in range(100)]
        assert all(one.is_whole for one in ground.log.append(lives))
    told(queue, "web-1:a", started(), WorkerLeft())
    database.command("profile", 2)

    assert [one.worker.id for one in queue.workers_gone()] == ["web-1:a"]

    database.command("profile", 0)
    asked = database["system.profile"].find({"ns": f"{database.name}.events", "docsExamined": {"$exists": True}})
    looked = [one["docsExamined"] for one in asked]
    assert sum(looked) < 50  # and not 1,200 and more


def long_ago(stream: str, at: datetime) -> Append:
    life = seal(stream, EMPTY, [started(), WorkerLeft()], actor="tests", now=at)
    return Append(tuple(taken(one, at) for one in life))


def test_no_worker_follows_itself(queue: Queue) -> None:
    before = queue.connection.ground.clock.now() - timedelta(seconds=1)
    told(queue, "web-1:a", started(), WorkerLost(renewed_at=before))  # before it was told that it started

    (lost,) = queue.workers_gone()

    assert lost.successor is None


def test_a_worker_that_nobody_has_buried_is_silent_and_holds_what_it_ran(queue: Queue) -> None:
    queue.enqueue(id="one", command="true")
    me = incarnation_here("web-1:a", "1", (), 2)
    queue.connection.incarnations.register(me)
    told(queue, me.id, started())
    claim(queue, "one", me.id)
    assert queue.workers_gone() == []
    over = [{"$set": {"expires_at": {"$subtract": ["$$NOW", 1]}}}]
    queue.connection.ground.database["workers"].update_one({"_id": me.id}, over)

    (silent,) = queue.workers_gone()

    assert (silent.ending, silent.at, silent.held) == (Ending.SILENT, None, (Held("one", State.PROCESSING),))
    assert silent.worker.renewed_at is not None


def test_of_a_moment_that_is_told_which_was_then(queue: Queue) -> None:
    queue.enqueue(id="one", command="true")
    told(queue, "web-1:a", started())
    claim(queue, "one", "web-1:a")
    before = Chances(queue, 0).moment()
    told(queue, "web-1:a", WorkerLost(held=("one",), renewed_at=before - timedelta(minutes=5)))
    buried = Chances(queue, 0).moment()
    queue.cancel("one")
    told(queue, "web-1:b", started(), WorkerLeft())
    Chances(queue, 0).moment()

    (silent,), (lost,) = queue.at(before).workers_gone(), queue.at(buried).workers_gone()

    assert (silent.ending, silent.held) == (Ending.SILENT, (Held("one", State.PROCESSING),))
    assert (lost.ending, lost.held) == (Ending.LOST, (Held("one", State.PROCESSING),))
    assert len(queue.workers_gone()) == 2


def test_the_command_shows_those_that_live_and_those_that_were(
    queue: Queue, server_uri: str, database: Database[dict[str, Any]]
) -> None:
    queuectl = Queuectl(environ(server_uri, database.name))
    assert "No worker was there" in queuectl.ok("worker", "list", "--all").err
    queue.connection.incarnations.register(incarnation_here("web-1:z", "z", (), 2))
    for letter in "abc":
        told(queue, f"web-1:{letter}", started(), WorkerLost(held=("one",)))

    ran = queuectl.ok("worker", "list", "--all", "--limit", "2")
    documents = json.loads(queuectl.ok("worker", "list", "--all", "--json").out)

    assert "web-1:z" in ran.out
    assert ran.out.count("one (not shown)") == 2
    assert "the newest 2 that are gone, and there are more" in ran.err
    assert [one["ending"] for one in documents] == [None, "lost", "lost", "lost"]
    assert documents[0].keys() == documents[1].keys()
    assert "web-1:a" not in queuectl.ok("worker", "list").out
