"""`queuectl worker show`: all of one worker, whether it lives or not, now and then."""

import json
import re
from datetime import timedelta

import pytest

from eventqueue.api.queue import Queue
from eventqueue.cli import worked
from eventqueue.errors import AmbiguousId, WorkerNotFound
from eventqueue.model.codec import EPOCH
from eventqueue.model.lives import WorkerLeft, WorkerLost, WorkerStopAsked
from eventqueue.telling import workers
from eventqueue.telling.words import instant
from eventqueue.travel import ran
from eventqueue.worker.life.place import incarnation_here
from tests.cli.commands import Queuectl
from tests.travel.lives import Chances
from tests.travel.test_gone import claim, started, told
from tests.travel.test_ran import settle


def test_of_one_that_is_lost_it_shows_what_it_held_what_it_ran_and_who_told_of_its_end(
    queuectl: Queuectl, queue: Queue
) -> None:
    queue.enqueue(id="one", command="make", queue="mail", env={"TOKEN": "s3cret"}, max_retries=0)
    queue.enqueue(id="two", command="true")
    told(queue, "web-1:a", started())
    claim(queue, "one", "web-1:a")
    settle(queue, "one", well=False)
    claim(queue, "two", "web-1:a")
    told(queue, "web-1:a", WorkerLost(seen_dead=True, held=("two",)))
    told(queue, "web-1:b", started())

    shown, document = queuectl.ok("worker", "show", "web-1:a"), queuectl.ok("worker", "show", "web-1:a", "--json")
    found = document.json

    assert "seen dead, told by supervisor/web-1" in shown.out
    assert "next         web-1:b, under its name" in shown.out
    assert "what it runs" not in shown.out
    assert "what it held\nJOB  STATE\ntwo  processing" in shown.out
    assert "It ended with 1." in shown.out
    assert "worker-lost" in shown.out
    assert [(one["job"], one["ending"]) for one in found["runs"]] == [("two", None), ("one", "failed")]
    assert found["runs"][1]["run"]["env"] == {"TOKEN": "•••"}
    assert "s3cret" not in document.out
    assert [one["type"] for one in found["life"]] == ["worker-started", "worker-lost"]
    assert (found["ending"], found["is_live"], found["successor"], found["older"]) == ("lost", False, "web-1:b", None)


def test_of_one_that_ended_long_ago_its_life_says_what_became_of_it(
    queuectl: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(id="one", command="true")
    queue.status()
    told(queue, "web-1:a", started(), WorkerStopAsked(why="it moves"), WorkerLost(held=("one", "unknown")))
    monkeypatch.setattr(workers, "WITHIN", EPOCH - queue.connection.ground.clock.now())  # all is long ago

    shown = queuectl.here("worker", "show", "web-1:a").out

    assert "silent for longer than its lease, told by supervisor/web-1; asked by supervisor/web-1: it moves" in shown
    assert "one      pending" in shown
    assert "unknown  not shown" in shown


def test_of_one_that_was_silent_then_it_shows_what_it_held_and_who_brings_that_back(
    queuectl: Queuectl, queue: Queue
) -> None:
    queue.enqueue(id="one", command="true")
    told(queue, "web-1:a", started())
    claim(queue, "one", "web-1:a")
    then = Chances(queue, 0).moment()
    told(queue, "web-1:a", WorkerLost(held=("one",), renewed_at=then - timedelta(minutes=5)))

    shown = queuectl.ok("worker", "show", "web-1:a", "--at", instant(then))

    assert "state        silent: the first worker that lives brings back what it held\n" in shown.out
    assert "5m ago\n" in shown.out  # when it was heard of
    assert "what it held\nJOB  STATE\none  processing" in shown.out
    assert "worker-lost" not in shown.out


def test_of_one_that_lives_it_shows_what_it_runs_and_of_then_what_it_ran_then(queuectl: Queuectl, queue: Queue) -> None:
    queue.connection.incarnations.register(incarnation_here("web-1:a", "crawler", (), 2))
    told(queue, "web-1:a", started("crawler"))
    queue.enqueue(id="one", command="make", queue="mail")
    claim(queue, "one", "web-1:a")
    then = instant(Chances(queue, 0).moment())
    settle(queue, "one")
    queue.enqueue(id="two", command="make all")
    claim(queue, "two", "web-1:a")

    now = queuectl.ok("worker", "show", "crawler").out
    past = queuectl.ok("worker", "show", "web-1:a", "--at", then)
    document = queuectl.ok("worker", "show", "web-1:a", "--at", then, "--json").json

    assert "state        serving" in now
    assert "slots        2, 1 busy" in now
    assert now.index("what it runs") < now.index("make all") < now.index("what it ran") < now.index("completed")
    assert f"As it was at {then}." in past.err
    assert "ran          one" in past.out
    assert "two" not in past.out
    assert "completed" not in past.out
    assert (document["as_of"], document["running"], document["is_live"]) == (then, ["one"], True)
    assert [(one["job"], one["ending"]) for one in document["runs"]] == [("one", None)]


def test_one_that_there_is_not_is_refused_as_a_job_is(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="job", command="true")
    then = instant(Chances(queue, 0).moment())
    told(queue, "web-1:a", started(), WorkerLeft())

    for wrong, code in (("nosuch", "worker-not-found"), ("", "worker-not-found")):
        no_worker = queuectl.here("worker", "show", wrong, "--json")
        assert no_worker.code == queuectl.here("show", "nosuch").code == 1
        assert no_worker.out == ""
        assert json.loads(no_worker.err)["error"]["code"] == code
    assert "No worker 'nosuch': `queuectl worker list --all` shows" in queuectl.here("worker", "show", "nosuch").err
    early = queuectl.here("worker", "show", "web-1:a", "--at", then)
    assert (early.code, early.out) == (1, "")
    assert "Worker web-1:a was not there yet" in early.err


def test_a_part_of_an_id_means_one_that_lives_or_else_the_only_one_that_was(queue: Queue) -> None:
    for worker in ("web-1:a", "web-1:ab", "web-2:a"):
        told(queue, worker, started(), WorkerLeft())

    assert queue.resolve_worker("web-2") == "web-2:a"
    assert queue.resolve_worker("web-1:a") == "web-1:a"
    with pytest.raises(AmbiguousId, match="several workers"):
        queue.resolve_worker("web-1")
    queue.connection.incarnations.register(incarnation_here("web-1:ab", "crawler", (), 2))
    assert queue.resolve_worker("web-1") == queue.resolve_worker("crawl") == "web-1:ab"
    with pytest.raises(WorkerNotFound, match="is crawler meant"):
        queue.resolve_worker("crowler")


def test_a_whole_id_is_the_workers_that_has_it_also_where_one_lives_whose_begins_so(queue: Queue) -> None:
    told(queue, "web-1:a", started(), WorkerLeft())
    queue.connection.incarnations.register(incarnation_here("web-1:ab", "web-1:a", (), 2))
    assert queue.resolve_worker("web-1:a") == "web-1:ab"  # who lives is known by its name
    queue.connection.incarnations.register(incarnation_here("web-2:ab", "crawler", (), 2))
    told(queue, "web-2:a", started(), WorkerLeft())
    assert queue.resolve_worker("web-2:a") == "web-2:a"
    assert queue.resolve_worker("web-2") == "web-2:ab"


def test_of_one_that_was_gone_by_then_it_is_told_when_that_was_and_as_of_when(queuectl: Queuectl, queue: Queue) -> None:
    told(queue, "web-1:a", started(), WorkerLeft())
    then = instant(Chances(queue, 0).moment())

    past = queuectl.ok("worker", "show", "web-1:a", "--at", then, "--json").json
    now = queuectl.ok("worker", "show", "web-1:a", "--json").json

    assert (past["at"], past["as_of"]) == (past["life"][-1]["at"], then)
    assert (now["at"], now["as_of"]) == (past["at"], None)


def test_of_one_whose_start_cannot_be_read_nothing_is_said_of_how_it_was_set(queuectl: Queuectl, queue: Queue) -> None:
    told(queue, "web-1:a", WorkerLeft())

    shown = queuectl.ok("worker", "show", "web-1:a").out
    found = queuectl.ok("worker", "show", "web-1:a", "--json").json

    assert re.search(r"left \d+s ago: by itself", shown)
    assert "pid" not in shown
    assert "slots" not in shown
    assert (found["id"], found["ending"], found["name"], found["pid"], found["queues"]) == (
        "web-1:a",
        "left",
        None,
        None,
        None,
    )
    assert (found["concurrency"], found["started_at"]) == (None, None)


def test_what_it_ran_is_shown_as_far_as_is_asked_for_and_then_further_back(
    queuectl: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(queue, "web-1:a", started())
    for job in ("one", "two", "three"):
        queue.enqueue(id=job, command="true")
        claim(queue, job, "web-1:a")
    some = queuectl.ok("worker", "show", "web-1:a", "--limit", "2")
    newest = queuectl.ok("worker", "show", "web-1:a", "--limit", "2", "--json").json

    rest = queuectl.ok("worker", "show", "web-1:a", "--before", newest["older"], "--json").json
    none = queuectl.ok("worker", "show", "web-1:a", "--before", "1.1")
    wrong = queuectl.here("worker", "show", "web-1:a", "--before", "nowhere")
    monkeypatch.setattr(ran, "LOOK", 2)
    monkeypatch.setattr(ran, "LOOKS", 1)
    monkeypatch.setattr(worked, "EVENTS", 1)
    looked = queuectl.here("worker", "show", "web-1:a")

    assert "the last 2 that it ran, and there are more" in some.err
    assert [one["job"] for one in newest["runs"]] == ["three", "two"]
    assert ([one["job"] for one in rest["runs"]], rest["older"]) == (["one"], None)
    assert "It ran nothing before that." in none.err
    assert wrong.code == 2
    assert "--before: is no place in the log" in wrong.err
    assert "2 events of the log were looked at" in looked.err
    assert "the newest 1 events" in looked.err
