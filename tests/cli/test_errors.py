"""`queuectl errors`, and choosing jobs by the kind of what they failed with."""

import json
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.model.fingerprint import fingerprint
from tests.builders import claimed, failed
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.hostile import FORGED, HOSTILE
from tests.cli.past import died, happened
from tests.cli.terminals import on_terminal

GONE = fingerprint("exit code 1: user 42 is gone")
KEYS = ["fingerprint", "count", "first", "last", "queues", "example", "ignored"]


@pytest.fixture
def broken(queuectl: Queuectl, queue: Queue) -> Queuectl:
    """Three dead jobs of one kind in two queues, one of another, one that failed and waits, one that is well."""
    for number in range(3):
        queue.enqueue(id=f"gone-{number}", command="false", queue="mail" if number else "web")
        died(queue, f"gone-{number}", f"exit code 1: user {number} is gone")
    for job_id in ("other", "waits", "well"):
        queue.enqueue(id=job_id, command="false")
    died(queue, "other", "exit code 7: no such host")
    happened(queue, "waits", claimed(), failed())
    return queuectl


def listed(queuectl: Queuectl, *options: str) -> dict[str, int]:
    return {one["example"]["message"]: one["count"] for one in queuectl.ok("errors", "--json", *options).json}


def test_failures_of_one_kind_are_one_with_when_where_and_an_example(broken: Queuectl) -> None:
    groups = broken.process("errors", "--json").json

    assert [list(one) for one in groups] == [KEYS] * 3
    first = groups[0]
    assert (first["fingerprint"], first["count"], first["queues"]) == (GONE, 3, ["mail", "web"])
    assert first["example"] == {"job": "gone-2", "message": "exit code 1: user 2 is gone"}
    assert first["first"] < first["last"]
    assert [one["count"] for one in groups] == [3, 1, 1]

    lines = broken.ok("errors").out.splitlines()
    assert lines[0].split() == ["FINGERPRINT", "COUNT", "FIRST", "LAST", "SUCH", "AS", "QUEUES", "ERROR"]
    assert lines[1].split()[:2] == [GONE, "3"]
    assert lines[1].endswith("mail, web  exit code 1: user 2 is gone")


def test_queues_are_cut_only_where_there_is_no_room_for_them(queuectl: Queuectl, queue: Queue) -> None:
    names = [f"{letter * 12}" for letter in "abcd"]
    for name in names:
        queue.enqueue(id=name, command="false", queue=name)
        died(queue, name, "exit code 1: gone")

    assert ", ".join(names) in queuectl.ok("errors").out
    assert ", ".join(names) in on_terminal(queuectl, "errors", "--wide", columns=60)


def test_they_can_be_narrowed_to_a_queue_and_a_time(broken: Queuectl) -> None:
    assert listed(broken, "--queue", "web") == {"exit code 1: user 0 is gone": 1}
    assert len(listed(broken, "--since", "1h")) == 3
    broken.ok("enqueue", "--queue", "well", "--", "true")
    assert (
        broken.ok("errors", "--queue", "well").err == "! No job is failed or dead now: --past tells what has failed.\n"
    )


def test_they_can_be_narrowed_as_a_list_is(broken: Queuectl) -> None:
    assert listed(broken, "state:dead", "queue:web") == {"exit code 1: user 0 is gone": 1}
    assert listed(broken, "--error", "NO SUCH") == {"exit code 7: no such host": 1}
    assert listed(broken, "state:failed") == {"It ended with 1.": 1}
    assert listed(broken, "--fingerprint", GONE, "--queue", "mail") == {"exit code 1: user 2 is gone": 2}
    assert listed(broken, "--past", "--error", "no such") == {"exit code 7: no such host": 1}
    assert listed(broken, "--past", "fingerprint:" + GONE, "queue:web") == {"exit code 1: user 0 is gone": 1}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("state:pending",), "state: must be failed or dead: of one that is pending no failure is told"),
        (("--past", "tag:red"), "tags: chooses none of the attempts in the log; what does is queue, task"),
        (("--past", "--state", "dead"), "state: chooses none of the attempts in the log"),
    ],
)
def test_what_chooses_no_failures_is_wrong_usage(broken: Queuectl, args: tuple[str, ...], said: str) -> None:
    ran = broken.here("errors", *args)

    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_what_is_cut_is_said(broken: Queuectl, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = broken.ok("errors", "--limit", "1", "--json")
    assert len(ran.json) == 1
    assert "These are the largest 1 of 3 kinds: --limit shows more." in ran.err

    monkeypatch.setattr("eventqueue.audit.errors.GROUPS_MAX", 1)
    assert "! 4 failures of further kinds are not shown: there are too many." in broken.ok("errors").err
    monkeypatch.setattr("eventqueue.audit.tally.KINDS_MAX", 1)
    assert (
        "! Further kinds, of 3 jobs, are not shown: there are too many."
        in broken.ok("count", "state:dead", "--by", "error").err
    )


def test_a_job_that_was_retried_is_no_failure_any_more(broken: Queuectl) -> None:
    broken.ok("retry", "other")

    assert "exit code 7: no such host" not in listed(broken)
    assert listed(broken, "--past")["exit code 7: no such host"] == 1


def test_of_the_past_each_attempt_that_failed_is_told(broken: Queuectl, queue: Queue) -> None:
    broken.ok("retry", "other")
    died(queue, "other", "exit code 7: no such host")
    broken.ok("cancel", "other")

    past = broken.ok("errors", "--past", "--json").json

    assert [list(one) for one in past] == [KEYS] * 3
    assert [(one["count"], one["queues"]) for one in past[:2]] == [(3, ["mail", "web"]), (2, ["default"])]
    assert past[0]["example"] == broken.ok("errors", "--json").json[0]["example"]
    assert listed(broken, "--past", "--queue", "web") == {"exit code 1: user 0 is gone": 1}
    assert listed(broken, "--past", "--since", "1h")["exit code 7: no such host"] == 2
    assert "No queue 'nobody' ever" in broken.here("errors", "--past", "--queue", "nobody").err


@pytest.mark.parametrize(
    ("words", "state"), [("retry", "pending"), ("dlq retry", "pending"), ("dlq discard", "cancelled")]
)
def test_a_fingerprint_chooses_the_jobs_of_its_kind(broken: Queuectl, words: str, state: str) -> None:
    dry = broken.ok(*words.split(), "--all", "--fingerprint", GONE, "--queue", "mail", "--dry-run", "--json").json
    assert {one["id"] for one in dry} == {"gone-1", "gone-2"}
    assert {one["id"] for one in broken.ok("dlq", "list", "--fingerprint", GONE, "--json").json} == {
        *(f"gone-{number}" for number in range(3)),
    }

    *done, _ = broken.ok(*words.split(), "--fingerprint", GONE, "--yes", "--json").out.splitlines()

    assert {json.loads(one)["id"] for one in done} == {f"gone-{number}" for number in range(3)}
    states = {one["id"]: one["state"] for one in broken.ok("list", "--json").json}
    assert {states[f"gone-{number}"] for number in range(3)} == {state}
    assert (states["other"], states["waits"], states["well"]) == ("dead", "failed", "pending")


@pytest.mark.parametrize("typed", ["", "xyz", "8AEC858657", GONE[:-1], f"{GONE}0", f"{GONE}\n", "$gt"])
def test_what_is_no_fingerprint_is_wrong_usage(shared: Queuectl, typed: str) -> None:
    ran = shared.here("retry", "--all", "--fingerprint", typed)

    assert ran.code == 2
    assert is_one_sentence(ran)
    assert "`queuectl errors` shows them" in ran.err


def test_a_fingerprint_chooses_among_all(shared: Queuectl) -> None:
    ran = shared.here("retry", "one", "--fingerprint", GONE)

    assert (ran.code, "conditions that choose among all jobs, not both" in ran.err) == (2, True)


def test_a_hostile_error_forges_no_line(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue(id="one", command="false")
    died(queue, "one", HOSTILE)

    out = queuectl.ok("errors").out
    assert out.count("\n") == 2
    assert f"\n{FORGED}" not in out
    assert queuectl.ok("errors", "--json").json[0]["example"]["message"] == HOSTILE
    assert queuectl.ok("dlq", "list", "--fingerprint", fingerprint(HOSTILE), "--json").json


def test_what_somebody_has_altered_in_the_views_is_passed_over(
    broken: Queuectl, database: Database[dict[str, Any]]
) -> None:
    broken.ok("errors")
    database["jobs-1"].update_one({"_id": "other"}, {"$set": {"last_error": "none"}})
    database["jobs-1"].update_one({"_id": "waits"}, {"$unset": {"last_error": ""}})

    assert listed(broken) == {"exit code 1: user 2 is gone": 3}
    assert "jobs are pending again" in broken.ok("retry", "--fingerprint", GONE, "--yes").out


def test_many_are_read_with_progress(queuectl: Queuectl, queue: Queue) -> None:
    for number in range(3):
        queue.enqueue(id=f"gone-{number}", command="false")
        died(queue, f"gone-{number}", f"exit code 1: user {number} is gone")

    assert "━" in on_terminal(queuectl, "errors", columns=120)
