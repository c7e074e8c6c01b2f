"""`queuectl enqueue`: one job, as JSON or as words."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from eventqueue.api.queue import Queue
from eventqueue.model.events import Event
from eventqueue.telling.words import instant
from tests.builders import CANCELLED, claimed, failed
from tests.cli.commands import Queuectl, Ran
from tests.cli.past import completed, died, happened


def test_a_json_job_is_added_and_its_id_printed(queuectl: Queuectl) -> None:
    ran = queuectl.process("enqueue", '{"command": "echo hello world"}')

    job_id = queuectl.ok("list", "--json").json[0]["id"]
    assert (ran.code, ran.out, ran.err) == (0, f"✔ Job added: {job_id}\n", "")


def test_with_json_the_receipt_is_all_that_is_printed(queuectl: Queuectl) -> None:
    ran = queuectl.ok("enqueue", "--json", '{"command": "true", "id": "one"}')

    stands = {"state": "pending", "ended_at": None, "elsewhere": None}
    assert ran.json == {"id": "one", "stream": "job-one", "version": 1, "created": True, **stands}


def test_quiet_leaves_the_bare_id(queuectl: Queuectl) -> None:
    assert queuectl.ok("enqueue", "--quiet", '{"command": "true", "id": "one"}').out == "one\n"


@pytest.mark.parametrize("name", ["id", "key"])
def test_the_same_job_again_is_said_to_be_there_and_is_one_job(queuectl: Queuectl, name: str) -> None:
    asked = f'{{"command": "true", "{name}": "same", "delay": 60}}'
    first = queuectl.ok("enqueue", "--quiet", asked).out

    again = queuectl.ok("enqueue", asked)

    assert (again.out, again.err) == ("", f"! Job {first.strip()} is there already: it is pending\n")
    assert queuectl.ok("enqueue", "--quiet", asked) == Ran(0, first, "")
    assert len(queuectl.ok("list", "--json").json) == 1


ENDED = {
    "completed": ("it completed at 20", "Use for another job --key nightly-$(date +%F)"),
    "dead": ("it died at 20", "Use queuectl retry nightly, or for another job --key nightly-$(date +%F)"),
    "cancelled": ("it was cancelled at 20", "Use queuectl retry nightly, or for another job --key nightly-$(date +%F)"),
}


@pytest.mark.parametrize(("state", "said"), ENDED.items(), ids=ENDED)
def test_a_job_that_has_ended_is_not_said_to_be_added_but_that_nothing_will_run_and_what_to_do(
    queuectl: Queuectl, queue: Queue, state: str, said: tuple[str, str]
) -> None:
    asked = ("enqueue", "--id", "nightly", "--", "true")
    queuectl.ok(*asked)
    match state:
        case "completed":
            completed(queue, "nightly")
        case "dead":
            died(queue, "nightly")
        case _:
            happened(queue, "nightly", CANCELLED)

    ran = queuectl.process(*asked)

    stands, use = said
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith(f"! Job nightly is there already: {stands}")
    assert f", and nothing will run. {use}" in ran.err
    quiet = queuectl.process("--quiet", *asked)
    assert (quiet.code, quiet.out, quiet.err) == (0, "nightly\n", ran.err)
    document = queuectl.ok(*asked[:-2], "--json", *asked[-2:]).json
    ended_at = instant(queue.get("nightly").updated_at)
    assert (document["created"], document["state"], document["ended_at"]) == (False, state, ended_at)


@pytest.mark.parametrize(
    ("past", "said"),
    [((claimed(),), "it is processing"), ((claimed(), failed()), "it failed, and waits for its retry")],
)
def test_a_job_that_has_not_ended_is_said_to_stand_as_it_does(
    queuectl: Queuectl, queue: Queue, past: tuple[Event, ...], said: str
) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    happened(queue, "one", *past)

    assert queuectl.ok("enqueue", "--id", "one", "--", "true").err == f"! Job one is there already: {said}\n"


def test_the_same_job_asked_for_elsewhere_runs_where_it_was_asked_for_first_and_that_is_said(
    queuectl: Queuectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = os.getcwd()
    for asked in (("--id", "one"), ("--id", "two", "--cwd", "sub")):
        queuectl.ok("enqueue", *asked, "--", "true")
    monkeypatch.chdir(tmp_path)

    ran = queuectl.ok("enqueue", "--id", "one", "--", "true")

    assert ran.err == f"! Job one is there already: it is pending; it runs in {first}, not here\n"
    assert queuectl.ok("enqueue", "--json", "--id", "one", "--", "true").json["elsewhere"] == first
    again = queuectl.ok("enqueue", "--json", "--id", "two", "--cwd", "sub", "--", "true")
    assert again.json["elsewhere"] == f"{first}/sub"


def test_the_same_id_for_another_job_is_refused(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", '{"command": "true", "id": "one"}')

    ran = queuectl.here("enqueue", '{"command": "false", "id": "one"}')

    assert (ran.code, ran.out) == (1, "")
    assert "'command'" in ran.err


def test_the_same_job_from_elsewhere_and_after_a_changed_default_is_the_same(
    queuectl: Queuectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("enqueue", "--json", '{"command": "true", "id": "one"}')
    queuectl.ok(*asked)
    queuectl.ok("config", "set", "max-retries", "9")
    monkeypatch.chdir(tmp_path)

    assert queuectl.ok(*asked).json["created"] is False


def test_words_after_dashes_are_the_command_whatever_they_look_like(queuectl: Queuectl) -> None:
    ran = queuectl.process("enqueue", "--json", "--", "ls", "-l", "--json", "/tmp/two words", "$HOME")

    assert ran.code == 0
    assert queuectl.ok("show", ran.json["id"], "--json").json["command"] == "ls -l --json '/tmp/two words' '$HOME'"


def test_a_single_word_after_dashes_is_a_line_for_the_shell(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "line", "--", "sort words | uniq -c")

    assert queuectl.ok("show", "line", "--json").json["command"] == "sort words | uniq -c"


def test_every_field_can_be_given_as_an_option(queuectl: Queuectl) -> None:
    options = {
        "id": "all",
        "queue": "mail",
        "priority": "-5",
        "run-at": "2130-01-31T08:00:00+01:00",
        "expires-at": "2131-01-01T00:00:00Z",
        "max-retries": "7",
        "backoff-base": "3",
        "backoff-cap": "10m",
        "backoff-jitter": "0.5",
        "timeout": "2h",
        "group": "reports",
        "env": "NAME=value=1",
        "cwd": "/tmp",
        "meta": '{"customer": {"name": "acme"}}',
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]

    queuectl.ok("enqueue", *words, "--tag", "a", "--tag", "b", "--", "true")

    expected: dict[str, Any] = {
        "queue": "mail",
        "priority": -5,
        "run_at": "2130-01-31T07:00:00.000Z",
        "expires_at": "2131-01-01T00:00:00.000Z",
        "max_retries": 7,
        "backoff": {"base": 3.0, "cap": 600.0, "jitter": 0.5},
        "timeout": 7200.0,
        "tags": ["a", "b"],
        "group": "reports",
        "run": {"kind": "shell", "command": "true", "cwd": "/tmp", "env": {"NAME": "value=1"}},
        "meta": {"customer": {"name": "acme"}},
    }
    shown = queuectl.ok("show", "all", "--json", "--show-env").json
    assert {name: shown[name] for name in expected} == expected


def test_a_key_and_a_delay_can_be_given_as_options(queuectl: Queuectl) -> None:
    asked = ("enqueue", "--json", "--key", "nightly", "--delay", "10m", "--", "true")

    first, second = queuectl.ok(*asked).json, queuectl.ok(*asked).json

    assert (first["created"], second["created"], first["id"]) == (True, False, second["id"])


def test_a_command_with_the_same_fields_is_the_same_job_as_json_or_as_words(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", '{"command": "true", "id": "one", "delay": 60, "tags": ["x"], "backoff": {"base": 3}}')

    again = queuectl.ok(
        *("enqueue", "--json", "--id", "one", "--delay", "1m", "--tag", "x", "--backoff-base", "3", "--", "true")
    )

    assert again.json["created"] is False


def test_an_enqueued_job_is_signed_by_the_command_line(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", '{"command": "true", "id": "one"}')

    assert queuectl.ok("history", "one", "--json").json[0]["actor"].startswith("cli/")


def test_fields_and_options_may_be_typed_with_dashes_or_underscores(queuectl: Queuectl) -> None:
    for number, line in enumerate(
        (
            ('{"command": "a", "max-retries": 7, "run-at": "2130-01-31T08:00:00Z"}',),
            ('{"command": "a", "max_retries": 7, "run_at": "2130-01-31T08:00:00Z"}',),
            ("--max_retries", "7", "--run-at", "2130-01-31T08:00:00Z", "--", "a"),
        )
    ):
        job = queuectl.ok("enqueue", "--json", *line).json["id"]
        shown = queuectl.ok("history", job, "--json").json[0]["data"]
        assert (number, shown["asked"]["max_retries"], "max-retries" in shown["asked"]) == (number, 7, False)
        assert shown["run_at"].startswith("2130-01-31T08:00:00")


def test_a_field_in_both_spellings_is_given_twice(shared: Queuectl) -> None:
    ran = shared.here("enqueue", '{"command": "a", "max-retries": 7, "max_retries": 7}')

    assert ran.err == "✘ max_retries: is given twice: see `queuectl enqueue --help`.\n"


def test_a_duration_in_json_is_seconds_or_words(queuectl: Queuectl) -> None:
    words = {"delay": "1h30m", "timeout": "10m", "expires": "2d", "backoff": {"cap": "5m"}}
    number = {"delay": 5400, "timeout": 600, "expires": 172_800, "backoff": {"cap": 300}}
    for job in (words, number):
        queuectl.ok("enqueue", json.dumps({"id": "same", "command": "a", **job}))

    (event,) = queuectl.ok("history", "same", "--json").json
    assert (event["data"]["timeout"], event["data"]["asked"]["delay"]) == (600.0, 5400.0)
    assert event["data"]["backoff"]["cap"] == 300.0


@pytest.mark.parametrize("field", ["delay", "timeout", "expires", "backoff.cap"])
def test_what_is_no_duration_is_told_what_one_is(shared: Queuectl, field: str) -> None:
    name, _, part = field.partition(".")

    ran = shared.here("enqueue", json.dumps({"command": "a", name: {part: "soon"} if part else "soon"}))

    assert f"✘ {field}: is no duration: give seconds, or such as 10m, 1h30m or 2d: see" in ran.err


@pytest.mark.parametrize("option", ["--run-at", "--expires-at"])
def test_a_time_to_come_is_typed_in_words(queuectl: Queuectl, option: str) -> None:
    field, before = option[2:].replace("-", "_"), datetime.now(UTC) + timedelta(minutes=5)
    for typed in ("10m", "+10m", "tomorrow 18:00Z", "18:00+01:00", "18:00 Europe/Berlin"):
        job = queuectl.ok("enqueue", "--json", option, typed, "--", "a").json["id"]
        (event,) = queuectl.ok("history", job, "--json").json
        assert datetime.fromisoformat(event["data"][field]) > before - timedelta(minutes=5)
        if typed.endswith("10m"):
            assert datetime.fromisoformat(event["data"][field]) > before


@pytest.mark.parametrize(
    ("typed", "told"),
    [("tomorrow 18:00", "needs a time zone, such as 10m, 18:00Z"), ("soon", "'soon' is no time: give one such as 10m")],
)
def test_a_time_to_come_that_is_none_is_wrong_usage(shared: Queuectl, typed: str, told: str) -> None:
    ran = shared.here("enqueue", "--run-at", typed, "--", "a")

    assert (ran.code, f"--run-at: {told}" in ran.err) == (2, True), ran


@pytest.mark.parametrize("name", ["run_at", "run-at", "expires_at"])
def test_a_time_in_json_is_typed_as_in_an_option_in_a_file_too(queuectl: Queuectl, name: str) -> None:
    field, before = name.replace("-", "_"), datetime.now(UTC)
    line = json.dumps({"command": "a", name: "2h"})

    one = queuectl.ok("enqueue", "--json", line).json["id"]
    queuectl.ok("enqueue", "--file", "-", stdin=line.encode())

    for job in (one, *(found["id"] for found in queuectl.ok("list", "--json").json)):
        (event,) = queuectl.ok("history", job, "--json").json
        assert datetime.fromisoformat(event["data"][field]) > before + timedelta(minutes=90)


@pytest.mark.parametrize(
    ("typed", "told"), [("18:00", "needs a time zone"), ("18:00 Nowhere/Land", "'Nowhere/Land' is no time zone")]
)
def test_a_time_in_json_that_is_none_is_refused_by_its_field(shared: Queuectl, typed: str, told: str) -> None:
    ran = shared.here("enqueue", json.dumps({"command": "a", "run_at": typed}))

    assert (ran.code, f"run_at: {told}" in ran.err) == (2, True), ran
