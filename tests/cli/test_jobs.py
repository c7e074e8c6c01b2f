"""`queuectl list`, `show` and `history`."""

import re
from datetime import datetime, timedelta
from typing import Any

import bson
import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.model.events import Cancelled, Completed, Error, Event, Failed, FailReason, Released
from eventqueue.mongo.incarnations import Incarnation
from eventqueue.mongo.leases import PROJECTING, Lease
from eventqueue.ports.views import Filter
from eventqueue.telling.documents import HIDDEN
from projections.reading import listing
from tests.builders import DEAD_LETTERED, NOW, RETRIED_BY_OPERATOR, SOON, append, claimed, enqueued
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.past import completed, died, happened, keep, wrote
from tests.projections.stage import put

LISTED = [
    *("id", "command", "task", "run", "queue", "state", "attempts", "max_retries", "priority", "run_at"),
    *("last_error", "result", "created_at", "updated_at", "waits", "progress"),
]
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_the_list_is_newest_first(queuectl: Queuectl, queue: Queue) -> None:
    for number, job_id in enumerate(("first", "second", "third")):
        at = NOW + timedelta(milliseconds=number)
        queue.connection.ground.log.append([append(f"job-{job_id}", enqueued(), now=at)])

    ran = queuectl.process("list")

    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == ["ID", "third", "second", "first"]


def test_a_listed_job_has_the_documented_keys_in_order(queuectl: Queuectl, queue: Queue) -> None:
    queuectl.ok("enqueue", '{"command": "echo hello", "id": "one", "priority": 5}')
    completed(queue, "one")

    (job,) = queuectl.ok("list", "--json").json

    assert list(job) == LISTED
    assert (job["id"], job["command"], job["state"], job["priority"]) == ("one", "echo hello", "completed", 5)
    assert (job["result"]["exit_code"], job["result"]["duration"]) == (0, 0.25)
    assert all(re.fullmatch(TIME, job[name]) for name in ("run_at", "created_at", "updated_at"))


def test_what_a_job_runs_is_listed_as_it_is_shown_and_no_environment_is(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "sends", "--task", "app.send", "--args", '["ann", 3]')
    queuectl.ok("enqueue", "--id", "runs", "--env", "TOKEN=secret", "--", "true")

    listed = {one["id"]: one for one in queuectl.ok("list", "--json").json}

    assert listed["sends"]["run"] == {"kind": "python", "task": "app.send", "args": ["ann", 3], "kwargs": {}}
    assert listed["runs"]["run"]["env"] == {"TOKEN": HIDDEN}
    for job_id, one in listed.items():
        assert one["run"] == queuectl.ok("show", job_id, "--json").json["run"]
    assert 'app.send("ann", 3)' in queuectl.ok("list").out


def test_a_table_reads_nothing_large_that_it_does_not_show(
    queuectl: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    large, sizes = "x" * 100_000, list[int]()
    for number in range(3):
        queue.enqueue(id=f"returns-{number}", task="app.send")
        happened(queue, f"returns-{number}", claimed(), Completed(result=large, output=wrote(b"x" * 2000)))
        queue.enqueue(id=f"fails-{number}", task="app.send")
        error = Error(type="ValueError", message="no", traceback=large)
        happened(queue, f"fails-{number}", claimed(), Failed(reason=FailReason.ERROR, error=error), DEAD_LETTERED)
    read = listing._read

    def noted(*args: Any, **options: Any) -> Any:
        found = read(*args, **options)
        sizes.extend(len(bson.encode(one)) for one in found)
        return found

    monkeypatch.setattr(listing, "_read", noted)

    assert queuectl.here("list").out.count("app.send()") == 6
    assert queuectl.here("dlq", "list").out.count("ValueError: no") == 3
    assert queuectl.here("dlq", "retry", "--all", "--dry-run", "--error", "ValueError").out.count("ValueError: no") == 3
    assert 0 < max(sizes) < 2000
    assert [one["result"]["value"] for one in queuectl.here("list", "--state", "completed", "--json").json] == [
        large
    ] * 3
    assert queuectl.here("dlq", "list", "--json").json[0]["last_error"]["traceback"] == large


def test_a_failed_jobs_error_is_listed(queuectl: Queuectl, queue: Queue) -> None:
    queuectl.ok("enqueue", '{"command": "false", "id": "one"}')
    died(queue, "one", "exit code 3: no such host")

    assert queuectl.ok("list", "--json").json[0]["last_error"]["message"] == "exit code 3: no such host"
    assert queuectl.ok("list").out.splitlines()[1].endswith("exit code 3: no such host")


def test_the_list_can_be_narrowed(queuectl: Queuectl, queue: Queue) -> None:
    queuectl.ok("enqueue", "--id", "mailed", "--queue", "mail", "--tag", "x", "--", "true")
    queuectl.ok("enqueue", "--id", "broken", "--tag", "y", "--", "false")
    queuectl.ok("enqueue", "--id", "plain", "--", "true")
    died(queue, "broken")

    def listed(*options: str) -> set[str]:
        return {job["id"] for job in queuectl.ok("list", "--json", *options).json}

    assert listed() == {"mailed", "broken", "plain"}
    assert listed("--state", "dead") == {"broken"}
    assert listed("--queue", "mail") == {"mailed"}
    assert listed("--tag", "y") == {"broken"}
    assert listed("--state", "pending", "--tag", "y") == set()
    assert len(listed("--limit", "2")) == 2


def test_the_list_tells_when_it_is_cut(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--file", "-", stdin=b'{"command": "true"}\n' * 3)

    assert "--limit" in queuectl.ok("list", "--limit", "2").err
    assert queuectl.ok("list", "--limit", "4").err == ""


@pytest.mark.parametrize("number", [2, 3, 4])
def test_a_long_list_is_one_table_and_one_document(
    queuectl: Queuectl, queue: Queue, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr("eventqueue.cli.listing.PART", 2)
    queuectl.ok("enqueue", "--file", "-", stdin=b'{"command": "true"}\n' * number)
    queuectl.ok("enqueue", "--id", "a-longer-name-than-those-before-it-have", "--priority=-1", "--", "true")
    ids = [job.id for job in queue.list().jobs]

    lines = queuectl.ok("list").out.splitlines()

    assert [job["id"] for job in queuectl.ok("list", "--json").json] == ids
    assert [line.split()[0] for line in lines] == ["ID", *ids]
    assert [job["id"] for job in queuectl.ok("cancel", "--all", "--dry-run", "--json").json] == ids


def test_since_takes_a_time_or_how_long_ago(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    created = queuectl.ok("list", "--json").json[0]["created_at"]

    def listed(since: str) -> int:
        return len(queuectl.ok("list", "--json", "--since", since).json)

    assert [listed(since) for since in ("10m", "2h", "3d", "1.5h", "2020-01-01", created)] == [1] * 6
    assert queuectl.here("list", "--since", "2100-01-01T00:00:00+01:00").code == 2


@pytest.mark.parametrize("since", ["someday", "10 minutes", "", "2026-13-01", "9" * 400 + "d"])
def test_a_time_that_is_none_is_wrong_usage(shared: Queuectl, since: str) -> None:
    ran = shared.here("list", "--since", since)

    assert ran.code == 2
    assert is_one_sentence(ran)


@pytest.mark.parametrize(
    "options", [("--state", "lost"), ("--limit", "0"), ("--limit", "-1"), ("--limit", "many"), ("--limit", "9" * 30)]
)
def test_an_option_out_of_range_is_wrong_usage(shared: Queuectl, options: tuple[str, ...]) -> None:
    ran = shared.here("list", *options)

    assert ran.code == 2
    assert is_one_sentence(ran)


def test_a_time_before_the_calendar_is_refused(shared: Queuectl) -> None:
    ran = shared.here("list", "--since", "999999d")

    assert ran.code == 2
    assert is_one_sentence(ran)


def test_an_operator_is_a_name_like_any_other(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")

    assert queuectl.ok("list", "--json", "--queue", '{"$gt": ""}').json == []
    assert queuectl.ok("dlq", "list", "--json", "--error", ".*").json == []
    assert queuectl.here("show", '{"$gt": ""}').code == 1


def test_a_view_that_is_behind_is_shown_with_a_note_of_how_far(
    queuectl: Queuectl, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    queuectl.ok("list")
    assert Lease(database, PROJECTING, "a projector that does nothing").acquire()
    monkeypatch.setattr("projections.reading.refreshing.WAIT_S", 0.1)
    queuectl.ok("enqueue", "--id", "one", "--", "true")

    ran = queuectl.ok("list", "--json")

    assert ran.json == []
    assert re.fullmatch(r"! The view is .* behind the log: `queuectl doctor` shows why.\n", ran.err)
    assert queuectl.ok("status", "--json").json["lag"] > 0
    cancelled = queuectl.here("cancel", "--all", "--yes")
    assert cancelled.code == 1  # not all were cancelled
    assert "The view is" in cancelled.err
    assert "behind" in queuectl.ok("status").out


def test_no_jobs_are_an_empty_list_and_a_note(shared: Queuectl) -> None:
    assert shared.ok("list", "--json").json == []
    ran = shared.ok("list")
    assert (ran.out, ran.err) == ("", "! No jobs.\n")


def test_piped_lines_are_whole_and_plain(queuectl: Queuectl) -> None:
    job_id, command = "i" * 128, "echo " + "word " * 60
    queuectl.ok("enqueue", "--id", job_id, "--", command)

    line = queuectl.process("list").out.splitlines()[1]

    assert line.startswith(job_id + "  ")
    assert line.endswith(command.rstrip())


def test_piped_lines_are_whole_where_an_error_follows_and_no_wider_than_what_they_hold(
    queuectl: Queuectl, queue: Queue
) -> None:
    long = "true " + "word " * 1000
    queuectl.ok("enqueue", "--id", "long", "--", long)
    queuectl.ok("enqueue", "--id", "short", "--", "false")
    died(queue, "long", "a bad end " * 100)
    died(queue, "short", "exit code 3")

    _, short, first = queuectl.process("list").out.splitlines()

    assert first.endswith(f"  {long}  {('a bad end ' * 100).rstrip()}")
    assert re.search(r"  false {2,20}exit code 3$", short)


def test_a_command_cannot_steer_the_terminal(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "echo \x1b[2J\r\n[red]x[/red] \u202e")

    for command in (("list",), ("show", "one"), ("history", "one")):
        assert "echo \\x1b[2J\\r\\n[red]x[/red] \\u202e" in queuectl.ok(*command).out


def test_show_has_all_of_a_job(queuectl: Queuectl, queue: Queue) -> None:
    queuectl.ok("enqueue", "--id", "one", "--tag", "x", "--env", "A=1", "--timeout", "60", "--", "echo hello")
    completed(queue, "one", b"hello\n")

    job = queuectl.process("show", "one", "--json", "--show-env").json

    assert list(job)[: len(LISTED)] == LISTED
    assert (job["tags"], job["timeout"], job["version"]) == (["x"], 60.0, 3)
    assert job["run"] == {"kind": "shell", "command": "echo hello", "cwd": job["run"]["cwd"], "env": {"A": "1"}}
    assert (job["output"]["stdout"]["text"], job["output"]["stdout"]["length"]) == ("hello\n", 6)
    assert re.fullmatch("[0-9a-f]{64}", job["hash"])


def test_show_ends_with_the_output_for_people(queuectl: Queuectl, queue: Queue) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "seq 20")
    completed(queue, "one", b"".join(b"%d\n" % number for number in range(1, 21)))

    out = queuectl.ok("show", "one").out

    assert "state        completed" in out
    assert out.endswith("  19\n  20\n")
    assert "  10\n" not in out
    assert "`queuectl logs` has more" in out


def test_a_job_whose_worker_is_silent_says_so_and_what_brings_it_back(
    queuectl: Queuectl, queue: Queue, database: Database[dict[str, Any]]
) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    queue.connection.incarnations.register(
        Incarnation(id="w:1", name="w", host="h", pid=1, place="far", pid_started=1, queues=(), concurrency=1)
    )
    happened(queue, "one", claimed(worker="w:1"))
    assert "silent" not in queuectl.ok("show", "one").out

    database["workers"].update_one({"_id": "w:1"}, [{"$set": {"expires_at": {"$subtract": ["$$NOW", 1]}}}])

    assert re.search(
        r"Its worker w:1 is silent since \S+Z, and its lease is over: the first worker", queuectl.ok("show", "one").out
    )
    queuectl.ok("status")  # who looks first builds the views
    assert "0 alive, 0 jobs running, 0 jobs due, 1 job of lost workers" in queuectl.here("doctor").out


def test_a_parked_job_does_not_look_as_if_it_were_about_to_run(
    queuectl: Queuectl, database: Database[dict[str, Any]]
) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    queuectl.ok("status")
    parked = {"projection": "cost", "problem": "KeyError: 'customer'"}
    database["jobs-1"].update_one({"_id": "one"}, {"$set": {"parked": parked}})

    assert "It is parked: no worker finds it until its view goes on" in queuectl.ok("show", "one").out
    assert queuectl.ok("show", "one", "--json").json["waits"]["why"] == "KeyError: 'customer'"


def test_who_cancelled_a_job_and_why_stands_where_it_is_shown(queuectl: Queuectl, queue: Queue) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    queue.cancel("one", why="no longer needed")

    assert re.search(r"why +It was cancelled at \S+Z by \S+: no longer needed\.", queuectl.ok("show", "one").out)


def test_show_has_the_output_of_the_last_attempt_and_of_no_other(queuectl: Queuectl, queue: Queue) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    failure = Failed(
        reason=FailReason.ERROR, error=Error(type="exit-code", message="exit code 3"), output=wrote(b"of the first\n")
    )
    happened(queue, "one", claimed(), failure, DEAD_LETTERED)
    assert "  of the first\n" in queuectl.ok("show", "one").out

    happened(queue, "one", RETRIED_BY_OPERATOR, claimed(attempt=2), Completed(exit_code=0))

    assert "of the first" not in queuectl.ok("show", "one").out
    assert queuectl.ok("show", "one", "--json").json["output"] is None


@pytest.mark.parametrize("end", [Cancelled(why="asked for"), Released(reason="its worker left", due_at=NOW)])
def test_show_has_what_was_kept_of_an_attempt_that_brought_no_outcome(
    queuectl: Queuectl, queue: Queue, end: Event
) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    happened(queue, "one", claimed(), end)
    keep(queue, "one", claim=2, stdout="…é\n".encode() * 500, stderr=b"too late\n")

    text, shown = queuectl.ok("show", "one").out, queuectl.ok("show", "one", "--json").json["output"]

    assert "stdout, the end of 3,000 bytes: `queuectl logs` has more\n  …é\n" in text
    assert text.endswith("stderr\n  too late\n")
    assert (shown["stdout"]["length"], shown["stderr"]["text"]) == (3000, "too late\n")


def test_history_tells_each_event_with_its_time_its_actor_and_what_changed(queuectl: Queuectl, queue: Queue) -> None:
    queuectl.ok("enqueue", "--id", "one", "--max-retries", "0", "--", "make all")
    died(queue, "one")
    happened(queue, "one", RETRIED_BY_OPERATOR, claimed(attempt=2))

    out = queuectl.process("history", "one").out

    said = ["make all", "attempt 1 on host", "exit code 3; no retry left", "used up", "the bug is mended", "attempt 2"]
    lines = out.splitlines()[1:]
    assert len(lines) == len(said)
    for line, words in zip(lines, said, strict=True):
        assert words in line
    assert [line.split()[3] for line in lines[1:]] == ["+1.0"] * 5


def test_history_as_json_has_the_stored_events(queuectl: Queuectl, queue: Queue) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    completed(queue, "one")

    first, second, third = queuectl.ok("history", "one", "--json").json

    assert [event["type"] for event in (first, second, third)] == ["enqueued", "claimed", "completed"]
    assert [event["version"] for event in (first, second, third)] == [1, 2, 3]
    assert (first["prev"], second["prev"], third["prev"]) == (None, first["hash"], second["hash"])
    assert (first["after"], second["after"]) == (None, 1.0)
    assert first["data"]["asked"]["command"] == "true"
    assert datetime.fromisoformat(first["at"]).tzinfo


ONE_JOB = [
    *(("show",), ("why",), ("history",), ("logs",), ("wait",), ("cancel",), ("retry",), ("replay",)),
    ("audit", "verify"),
]


@pytest.mark.parametrize("command", [*ONE_JOB, ("dlq", "retry"), ("dlq", "discard")], ids=" ".join)
@pytest.mark.parametrize("job_id", ["no-such-job", "", "$gt", "job-", "x" * 2000, "a b\n"])
def test_an_id_that_does_not_exist_is_refused(shared: Queuectl, command: tuple[str, ...], job_id: str) -> None:
    ran = shared.here(*command, job_id)

    assert ran.code == 1
    assert is_one_sentence(ran), ran
    assert "`queuectl list` shows the ids" in ran.err


@pytest.mark.parametrize("command", ONE_JOB, ids=" ".join)
def test_an_id_that_is_no_text_is_refused(shared: Queuectl, command: tuple[str, ...]) -> None:
    ran = shared.here(*command, "\udcff")

    assert ran.code == 2
    assert is_one_sentence(ran), ran
    assert "not valid UTF-8" in ran.err


@pytest.mark.parametrize("command", [("show",), ("history",), ("cancel",), ("audit", "verify")], ids=" ".join)
def test_an_unambiguous_prefix_is_enough_and_an_ambiguous_one_is_refused(
    queuectl: Queuectl, command: tuple[str, ...]
) -> None:
    for job_id in ("alpha-1", "alpha-2", "beta-1"):
        queuectl.ok("enqueue", "--id", job_id, "--", "true")

    queuectl.ok(*command, "b")
    ran = queuectl.here(*command, "alpha")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "alpha-1 and alpha-2" in ran.err


def test_a_whole_id_is_meant_where_it_is_also_a_prefix(queuectl: Queuectl) -> None:
    for job_id in ("job", "job-2"):
        queuectl.ok("enqueue", "--id", job_id, "--", "true")

    assert queuectl.ok("show", "job", "--json").json["id"] == "job"


def test_list_and_show_tell_alike_what_a_job_waits_for(queuectl: Queuectl, queue: Queue) -> None:
    queue.connection.incarnations.register(
        Incarnation(id="w:1", name="w", host="h", pid=1, place="far", pid_started=1, queues=("served",), concurrency=1)
    )
    put(queue.connection.ground, "job-expired", enqueued(queue="served", expires_at=SOON))
    queue.enqueue_many(
        [
            {"id": "due", "command": "true", "queue": "served"},
            {"id": "later", "command": "true", "queue": "served", "delay": 3600},
            {"id": "unserved", "command": "true", "queue": "other"},
            {"id": "paused", "command": "true", "queue": "held"},
            {"id": "over", "command": "true"},
            {"id": "unknown", "task": "shop.ship", "queue": "served"},
        ]
    )
    queue.pause_queue("held", "the disk is full")
    queue.cancel("over")

    listed = {one["id"]: one["waits"] for one in queuectl.ok("list", "--json").json}
    text = queuectl.ok("list").out

    kinds = {job_id: wait and wait["kind"] for job_id, wait in listed.items()}
    assert kinds == {one: one for one in ("due", "later", "unserved", "paused", "expired", "unknown")} | {"over": None}
    assert listed["paused"]["why"] == "the disk is full"
    for job_id, wait in listed.items():
        assert queuectl.ok("show", job_id, "--json").json["waits"] == wait
    said = {
        "later": "in ",
        "unserved": "no worker",
        "paused": "paused",
        "expired": "expired",
        "unknown": "task ",
    }
    for job_id, words in said.items():
        assert any(line.startswith(job_id) and f" {words}" in line for line in text.splitlines())
        assert words in queuectl.ok("show", job_id).out.lower()
    assert "the disk is full" in queuectl.ok("show", "paused").out
    assert "and the slot that serves its queue is free: a worker claims it" in queuectl.ok("show", "due").out


def test_a_worker_that_serves_all_queues_serves_each(queuectl: Queuectl, queue: Queue) -> None:
    queue.connection.incarnations.register(
        Incarnation(id="w:1", name="w", host="h", pid=1, place="far", pid_started=1, queues=(), concurrency=1)
    )
    queue.enqueue(id="one", command="true", queue="any")

    assert queuectl.ok("show", "one", "--json").json["waits"]["kind"] == "due"
    assert "WAITS" not in queuectl.ok("list").out


def test_what_jobs_wait_for_is_asked_at_once_however_many_they_are(
    queue: Queue, database: Database[dict[str, Any]]
) -> None:
    def asked(count: int) -> int:
        jobs = queue.list(Filter(limit=count)).jobs
        assert len(jobs) == count
        database.command("profile", 2)
        queue.waits(jobs)
        database.command("profile", 0)
        found = database["system.profile"].count_documents({"op": {"$in": ["query", "getmore", "command"]}})
        database.drop_collection("system.profile")
        return found

    queue.enqueue_many({"command": "true", "queue": f"queue-{number}"} for number in range(60))

    assert asked(60) == asked(2)
