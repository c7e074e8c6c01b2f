"""`queuectl events`: the log as people and programs read it, and each act of a person in it, with the reason."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.model.fingerprint import fingerprint
from eventqueue.model.moments import moment_of
from eventqueue.system.people import actor_of
from tests.cli.commands import Queuectl
from tests.cli.past import died
from tests.cli.running import await_that, started
from tests.cli.terminals import OWN_COLOURS, on_terminal
from tests.patience import PATIENCE_S

WHY = "the customer has called"
KIND, IGNORED = fingerprint("exit code 3"), fingerprint("exit code 3: no host")


def events(queuectl: Queuectl, *options: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in queuectl.ok("events", "--json", *options).out.splitlines()]


ACTS: dict[str, tuple[Sequence[str], str]] = {
    "cancel": (("cancel", "one"), "cancelled"),
    "cancel --all": (("cancel", "--all", "--yes"), "cancelled"),
    "retry": (("retry", "dead"), "retried"),
    "dlq retry": (("dlq", "retry", "--fingerprint", KIND, "--yes"), "retried"),
    "dlq discard": (("dlq", "discard", "dead"), "cancelled"),
    "dlq ignore": (("dlq", "ignore", KIND), "ignored"),
    "dlq unignore": (("dlq", "unignore", IGNORED), "unignored"),
    "queue pause": (("queue", "pause", "mail"), "paused"),
    "queue resume": (("queue", "resume", "web"), "resumed"),
    "config set": (("config", "set", "grace", "20"), "config-set"),
    "config unset": (("config", "unset", "grace"), "config-unset"),
    "projections rebuild": (("projections", "rebuild"), "views-rebuilt"),
}


@pytest.mark.parametrize("act", ACTS)
def test_every_act_of_a_person_is_in_the_log_with_who_and_why(queuectl: Queuectl, queue: Queue, act: str) -> None:
    words, kind = ACTS[act]
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    queuectl.ok("enqueue", "--id", "dead", "--max-retries", "0", "--", "false")
    died(queue, "dead")
    queuectl.ok("enqueue", "--id", "known", "--", "false")
    died(queue, "known", "exit code 3: no host")
    queuectl.ok("dlq", "ignore", IGNORED)
    queuectl.ok("queue", "pause", "web")

    queuectl.ok(*words, "--why", WHY)

    (told,) = events(queuectl, "--type", kind, "--where", f"data.why={WHY}")
    assert told["actor"].startswith("cli/")
    assert WHY in queuectl.ok("events", "--type", kind).out


def test_a_job_is_of_the_queue_and_the_tags_that_it_was_enqueued_with(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "one", "--queue", "web", "--tag", "red", "--delay", "1h", "--", "true")
    queuectl.ok("set", "one", "--queue", "mail", "--tag", "blue")

    assert [one["type"] for one in events(queuectl, "--queue", "web", "--tag", "red")] == ["enqueued", "amended"]
    assert events(queuectl, "--queue", "mail") == events(queuectl, "--tag", "blue") == []
    assert [one["type"] for one in events(queuectl, "--where", "data.now.queue=mail")] == ["amended"]


def test_a_request_to_stop_a_worker_its_start_and_its_end_are_in_the_log(queuectl: Queuectl) -> None:
    with started(queuectl, "worker", "start") as process:
        await_that(lambda: queuectl.ok("worker", "list", "--json").json)
        queuectl.ok("worker", "stop", "--all", "--why", WHY)
        assert process.wait(PATIENCE_S) == 0

    found = events(queuectl, "--where", "stream~worker-")
    assert [one["type"] for one in found] == ["worker-started", "worker-stop-asked", "worker-left"]
    assert found[0]["data"]["by"] == events(queuectl, "--type", "worker-stop-asked")[0]["actor"] == actor_of("cli")
    assert f"started by {actor_of('cli')}" in queuectl.ok("events", "--type", "worker-started").out
    assert found[1]["data"]["why"] == WHY


def test_events_are_told_in_their_order_a_line_each_with_all_that_is_known(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "one", "--env", "TOKEN=hunter2", "--", "true")
    queuectl.ok("cancel", "one")

    first, second = events(queuectl)

    assert [(one["stream"], one["version"], one["type"]) for one in (first, second)] == [
        ("job-one", 1, "enqueued"),
        ("job-one", 2, "cancelled"),
    ]
    assert set(first) == set(second)
    assert first["hash"] == second["prev"]
    assert set(first["ts"]) == {"time", "inc"}
    assert "hunter2" not in json.dumps(first)
    assert "hunter2" in queuectl.ok("events", "--json", "--show-env", "--type", "enqueued").out


def test_options_narrow_it_together(queuectl: Queuectl, queue: Queue) -> None:
    for name, of in (("one", "mail"), ("two", "web")):
        queuectl.ok("enqueue", "--id", name, "--queue", of, "--tag", name, "--", "true")
    for name in ("one", "two"):  # each by itself: both together are an act, which is in the log, too
        queuectl.ok("cancel", name)
    taken = moment_of(queue.history("two")[0])  # which may be a second that its own time is just before
    assert taken is not None
    begin = taken.isoformat()

    def streams(*options: str) -> list[str]:
        return [f"{one['stream'][4:]} {one['version']}" for one in events(queuectl, *options)]

    assert streams("--job", "one") == ["one 1", "one 2"]
    assert streams("--stream", "job-one", "--type", "cancelled") == ["one 2"]
    assert streams("--queue", "web") == streams("--tag", "two") == ["two 1", "two 2"]
    assert streams("--since", begin) == ["two 1", "one 2", "two 2"]
    assert streams("--until", begin) == ["one 1", "two 1"]
    assert streams("--limit", "1", "--reverse") == streams("--limit", "1") == ["two 2"]
    assert streams("--limit", "2") == streams("--limit", "2", "--since", begin) == ["one 2", "two 2"]
    assert streams("--limit", "2", "--reverse") == ["two 2", "one 2"]
    assert streams("--actor", "CLI/", "--where", "version=1") == ["one 1", "two 1"]
    assert streams("--actor", "nobody") == []


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--where", "data.exitcode=7"), "is exit_code meant?"),
        (("--where", "nonsense"), "is no condition"),
        (("--type", "fail"), "is failed meant?"),
        (("--since", "someday"), "is no time"),
        (("--since", "2099-01-01"), "lies in the future"),
        (("--follow", "--reverse"), "--follow goes on for ever"),
        (("--follow", "--until", "1m"), "--follow goes on for ever"),
        (("--job", "nope"), "nope"),
    ],
)
def test_what_asks_for_nothing_that_can_be_is_refused_in_a_sentence(
    shared: Queuectl, options: tuple[str, ...], told: str
) -> None:
    ran = shared.here("events", *options)

    assert ran.code == (1 if "--job" in options else 2)
    assert f"{options[0]}" in ran.err or "--job" in options
    assert told in ran.err
    assert "Traceback" not in ran.err


def test_of_the_newest_it_is_said_that_there_are_more(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue_many({"command": "true", "id": f"job-{number}"} for number in range(51))
    count = "newest {}, and there are more: --limit shows them"

    assert count.format(2) in queuectl.ok("events", "--limit", "2").err
    assert queuectl.ok("events", "--limit", "2").out.count("job-job-") == 2
    assert queuectl.ok("events", "--limit", "51").err == ""
    assert count.format(50) in on_terminal(queuectl, "events", columns=200)


def test_no_more_events_are_told_as_looked_at_than_there_are(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue_many([{"command": "true"}] * 3)

    shown = on_terminal(queuectl, "events", "--type", "cancelled", columns=120)

    told = re.findall(r"(\d+)/(\d+) events", OWN_COLOURS.sub("", shown))
    assert told
    assert all(int(done) <= int(total) for done, total in told), told


def test_a_seal_is_told_in_a_line_and_whole_as_json(queuectl: Queuectl, tmp_path: Path) -> None:
    for number in range(2):
        queuectl.ok("enqueue", "--id", f"one-{number}", "--", "true")
    path = str(tmp_path / "seal.key")
    public = queuectl.ok("audit", "key", path, "--json").json["public"]
    queuectl.ok("audit", "seal", "--key", path)

    leaves, seal = queuectl.ok("events", "--where", "stream~seal-").out.splitlines()[1:]

    assert leaves.endswith("  2 leaves of seal 1")
    assert seal.endswith(f"  seal 1 of 2 events; signed by {public[:8]}…")
    assert events(queuectl, "--type", "sealed")[0]["data"]["key"] == public


@pytest.mark.parametrize("options", [("--until", "2020-01-01"), ("--type", "failed")])
def test_of_a_time_without_events_it_says_when_there_were_some(queuectl: Queuectl, options: tuple[str, ...]) -> None:
    assert "the log is empty" in queuectl.ok("events").err
    queuectl.ok("enqueue", "--", "true")

    ran = queuectl.ok("events", *options)

    assert ran.out == ""
    assert "the log has some from 20" in ran.err


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_who_follows_is_told_each_event_as_it_comes_and_ends_well_at_a_ctrl_c(
    queuectl: Queuectl, form: tuple[str, ...]
) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    with subprocess.Popen(
        [sys.executable, "-m", "eventqueue", "events", "--follow", *form],
        env=queuectl.environ,
        stdout=subprocess.PIPE,
        text=True,
    ) as following:
        assert following.stdout is not None
        while "job-one" not in following.stdout.readline():
            pass
        queuectl.ok("cancel", "one", "--why", WHY)
        assert WHY in following.stdout.readline()
        os.kill(following.pid, signal.SIGINT)

        assert following.wait(PATIENCE_S) == 0


def test_what_is_stamped_with_a_time_yet_to_come_is_not_the_newest_for_ever(
    queuectl: Queuectl, queue: Queue, database: Database[dict[str, Any]]
) -> None:
    queue.enqueue_many({"command": "true", "id": f"job-{number}"} for number in range(3))
    place = {"_id": {"stream": "job-job-0", "version": 1}}
    assert database["events"].update_one(place, {"$set": {"ts": Timestamp(2**32 - 1, 1)}}).modified_count

    ran = queuectl.ok("events", "--limit", "2")

    assert "job-job-1" in ran.out
    assert "job-job-0" not in ran.out
    assert "yet to come are left out" in ran.err
    assert "job-job-0" in queuectl.ok("events", "--job", "job-0", "--limit", "2").out  # of that all is told
