"""`queuectl why`: why a job is in its state, and what must happen next; `show` has its first sentence."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.audit.clauses import Reason
from eventqueue.cli.limits import _wait
from eventqueue.model.events import Error, Failed, FailReason
from eventqueue.model.figures import instant
from eventqueue.mongo.incarnations import Incarnation
from tests.builders import RELEASED, RETRIED_BY_OPERATOR, append, claimed, enqueued
from tests.cli.commands import Queuectl
from tests.cli.hostile import HOSTILE, fill
from tests.cli.past import completed, died, happened
from tests.cli.terminals import OWN_COLOURS, on_terminal

SECOND = timedelta(seconds=1)


def why(queuectl: Queuectl, job_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = queuectl.ok("why", job_id, "--json").json["clauses"]
    return found


def kinds(queuectl: Queuectl, job_id: str) -> list[str]:
    return [one["kind"] for one in why(queuectl, job_id)]


def serve(queue: Queue, *queues: str, slots: int = 1) -> None:
    """Have a worker serve some queues, which does nothing."""
    queue.connection.incarnations.register(
        Incarnation(
            id="w:1", name="w", host="h", pid=1, place="far", pid_started=1, queues=queues, concurrency=slots, grace=1.0
        )
    )


def retry_in(seconds: float) -> Failed:
    at = datetime.now(UTC) + seconds * SECOND
    return Failed(reason=FailReason.ERROR, error=Error(type="exit-code", message="exit code 7"), retry_at=at)


def test_the_answer_is_a_paragraph_for_people_and_clauses_for_programs(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="one", command="true", delay=7230, queue="mail")  # in the midst of a minute
    queue.pause_queue("mail", "the server moves")

    ran, document = queuectl.process("why", "one"), queuectl.process("why", "one", "--json").json

    assert list(document) == ["id", "state", "text", "clauses"]
    assert (document["id"], document["state"]) == ("one", "pending")
    assert all(list(one) == ["kind", "text", "event", "until"] for one in document["clauses"])
    later, paused, unserved, _ = document["clauses"]
    assert [one["kind"] for one in document["clauses"]] == ["later", "paused", "unserved", "enqueued"]
    assert (later["event"], later["until"]) == ({"stream": "job-one", "version": 1}, instant(queue.get("one").run_at))
    assert (paused["event"], paused["until"]) == ({"stream": "queue-mail", "version": 1}, None)
    assert unserved["event"] is None
    assert ran.out == f"Job one is pending. {document['text']}\n"
    assert "(the server moves): nothing of it is claimed until `queuectl queue resume mail`." in ran.out


def test_each_state_and_cause_is_told_from_what_has_happened(queuectl: Queuectl, queue: Queue) -> None:
    for job_id in ("new", "done", "dead", "again", "given-up", "handed-back", "failed"):
        queue.enqueue(id=job_id, command="true", max_retries=1)
    serve(queue, slots=8)
    completed(queue, "done")
    died(queue, "dead", "exit code 7: no such host")
    died(queue, "again")
    happened(queue, "again", RETRIED_BY_OPERATOR)
    queue.cancel("given-up", "no longer needed")
    happened(queue, "handed-back", claimed(), RELEASED)
    happened(queue, "failed", claimed(), retry_in(3600))

    told = {job_id: kinds(queuectl, job_id) for job_id in ("new", "done", "dead", "given-up", "failed")}
    assert told == {
        "new": ["free", "before", "enqueued"],
        "done": ["completed", "final"],
        "dead": ["dead", "error", "final"],
        "given-up": ["cancelled", "final"],
        "failed": ["retry"],
    }
    assert "asked" in kinds(queuectl, "again")
    assert "released" in kinds(queuectl, "handed-back")
    assert "exit code 7: no such host" in queuectl.ok("why", "dead").out
    assert "It waits for retry 1 of 1 after a failure at" in queuectl.ok("why", "failed").out


def test_of_a_job_behind_others_the_slots_and_those_before_it_are_told(queuectl: Queuectl, queue: Queue) -> None:
    serve(queue, slots=2)
    for number in range(2):
        queue.enqueue(id=f"runs-{number}", command="true")
        happened(queue, f"runs-{number}", claimed(worker="w:1"))
    queue.enqueue(id="urgent", command="true", priority=9, queue="other")
    queue.enqueue_many({"command": "true"} for _ in range(3))
    queue.enqueue(id="last", command="true")

    busy, before, _ = why(queuectl, "last")

    assert (busy["kind"], before["kind"]) == ("busy", "before")
    assert busy["text"].startswith("all 2 slots of the worker that serves its queue are busy: runs-")
    assert before["text"] == "4 jobs of all queues are before it: 1 of a higher priority, 3 due for longer"


def test_of_an_unserved_queue_it_is_told_since_when_nothing_was_claimed(queuectl: Queuectl, queue: Queue) -> None:
    log, now = queue.connection.ground.log, queue.connection.ground.clock.now()
    log.append([append("job-old", enqueued(), claimed(worker="w:1"), now=now - 300 * SECOND)])
    queue.enqueue(id="one", command="true")

    (unserved, _) = why(queuectl, "one")

    assert unserved["kind"] == "unserved"
    since = (now - 240 * SECOND).replace(second=0).isoformat(timespec="seconds").replace("+00:00", "Z")
    assert f"no worker serves its queue default, from which nothing was claimed since {since}" in unserved["text"]


@pytest.mark.parametrize("ask", [lambda queue: queue.why("one").text, lambda queue: _wait(0.0, queue)[0]])
def test_what_becomes_due_while_it_is_looked_at_is_due_in_no_time_less_than_none(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Queue], str]
) -> None:
    due_at = queue.connection.ground.clock.now() + 60 * SECOND
    queue.enqueue(id="one", command="true", run_at=due_at)
    assert len(queue.list()) == 1  # from now on there are views

    for before in range(8):  # so many times the clock is asked before it is due
        calls = count()
        monkeypatch.setattr(
            queue.connection.ground.clock,
            "now",
            lambda calls=calls, before=before: due_at + (-1 if next(calls) < before else 2) * SECOND / 1000,
        )
        assert not re.search(r"(in|for) -", ask(queue)), before


def test_a_worker_that_was_lost_and_one_that_is_silent_are_told_apart(
    queuectl: Queuectl, queue: Queue, database: Database[dict[str, Any]]
) -> None:
    queue.enqueue(id="one", command="true", timeout=3600)
    serve(queue)
    happened(queue, "one", claimed(worker="w:1"))
    assert kinds(queuectl, "one") == ["running", "timeout", "next"]
    queue.stop_workers(grace=600, why="a new disk")
    assert kinds(queuectl, "one") == ["running", "timeout", "stopping", "next"]
    asked = why(queuectl, "one")[2]
    assert asked["event"] == {"stream": "worker-w:1", "version": 1}
    assert asked["until"] is not None
    assert "(a new disk), and hands back what still runs at" in asked["text"]

    database["workers"].update_one({"_id": "w:1"}, [{"$set": {"expires_at": {"$subtract": ["$$NOW", 1]}}}])
    assert kinds(queuectl, "one") == ["silent", "running", "timeout", "next"]

    seen = queue.history("one")[-1].at
    lost = Failed(
        reason=FailReason.WORKER_LOST,
        error=Error(type="worker-lost", message="its worker died"),
        retry_at=seen + timedelta(hours=1),
        worker="w:1",
        renewed_at=seen - 11 * SECOND,
        buried_by="w:2",
    )
    happened(queue, "one", lost)
    assert kinds(queuectl, "one") == ["retry", "unserved", "worker-lost"]
    assert (
        "Its worker w:1 was lost: w:2 rescued the job, 12 s after it was last heard of."
        in queuectl.ok("why", "one").out
    )


def test_one_that_was_cancelled_while_it_ran_may_still_live(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="one", command="true")
    happened(queue, "one", claimed(worker="w:1"))
    queue.cancel("one", "a mistake")

    cancelled, ending, final = why(queuectl, "one")

    assert (cancelled["kind"], ending["kind"], final["kind"]) == ("cancelled", "ending", "final")
    assert cancelled["text"].endswith(": a mistake")
    assert ending["until"] is not None


def test_a_parked_job_says_why_no_worker_finds_it(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="one", command="true")
    queue.status()
    parked = {"projection": "cost", "problem": "KeyError: 'customer'"}
    queue.connection.ground.database["jobs-1"].update_one({"_id": "one"}, {"$set": {"parked": parked}})

    assert kinds(queuectl, "one")[0] == "parked"
    assert "(KeyError: 'customer')" in queuectl.ok("why", "one").out


def test_a_job_with_very_many_events_is_told_of_like_any_other(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="one", command="true", max_retries=500)
    happened(queue, "one", *[event for n in range(130) for event in (claimed(attempt=n + 1), RELEASED)])
    happened(queue, "one", claimed(attempt=131), retry_in(3600))

    assert kinds(queuectl, "one")[0] == "retry"


@pytest.mark.parametrize("columns", [40, 100])
def test_on_a_terminal_the_paragraph_is_as_wide_as_that_and_the_state_has_its_colour(
    queuectl: Queuectl, queue: Queue, columns: int
) -> None:
    queue.enqueue(id="one", command="true", delay=7230)

    shown = on_terminal(queuectl, "why", "one", columns=columns)

    lines = OWN_COLOURS.sub("", shown).replace("\r", "").strip().split("\n")
    assert "\x1b[36mpending" in shown
    assert len(lines) > 1
    assert max(map(len, lines)) <= columns
    assert " ".join(lines) + "\n" == queuectl.ok("why", "one").out


def test_what_others_wrote_cannot_forge_a_line(queuectl: Queuectl, queue: Queue, server_uri: str) -> None:
    fill(queue, server_uri, 1)

    for job_id in ("wild", "held-0"):
        assert queuectl.ok("why", job_id).out.count("\n") == 1
        assert queuectl.ok("why", job_id).out[:-1].isprintable()
    text = queuectl.ok("why", "held-0", "--json").json["text"]
    assert HOSTILE in text


def test_show_has_the_first_sentence_and_needs_no_views(queuectl: Queuectl, queue: Queue) -> None:
    serve(queue)
    queue.enqueue(id="one", command="true")

    out, document = queuectl.ok("show", "one").out, queuectl.ok("show", "one", "--json").json

    assert queue.connection.views.snapshot()["generation"] is None
    assert document["why"].startswith("It is due since")
    assert f"why          {document['why']}" in out
    first = queuectl.ok("why", "one", "--json").json["text"].partition(". ")[0]
    assert queuectl.ok("show", "one", "--json").json["why"] == f"{first}."


def test_while_nobody_can_tell_what_workers_run_nothing_is_said_of_slots(queuectl: Queuectl, queue: Queue) -> None:
    serve(queue)
    queue.enqueue(id="one", command="true")

    assert queue.explain(queue.history("one")).clauses[0].kind is Reason.DUE
