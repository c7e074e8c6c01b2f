"""`queuectl schedule`: setting, seeing and steering schedules; and how what is no schedule is refused."""

import json
import re

import pytest

from eventqueue.api.queue import Queue
from eventqueue.connect import make_ticker
from eventqueue.model.events import stream_of
from eventqueue.schedules.schedule import IN_CODE
from eventqueue.schedules.ticks import job_id
from eventqueue.telling.words import instant
from tests.builders import enqueued
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.past import died
from tests.ticking.conftest import happened, hourly, made

NIGHTLY = ("schedule", "add", "nightly", "--cron", "30 2 * * *", "--tz", "Europe/Berlin")
BACKUP = ("--queue", "mail", "--", "./backup", "--all")


@pytest.fixture
def nightly(queuectl: Queuectl) -> Queuectl:
    """A database with a schedule."""
    ran = queuectl.ok(*NIGHTLY, *BACKUP)
    assert ran.out.startswith("✔ Schedule nightly is set; next at 2")
    return queuectl


def test_the_same_again_is_told_and_another_definition_takes_its_place(nightly: Queuectl) -> None:
    assert nightly.ok(*NIGHTLY, *BACKUP).err.startswith("! Schedule nightly is set like that already; next at 2")
    assert nightly.ok(*NIGHTLY, "--json", *BACKUP).json["changed"] is False

    changed = nightly.ok(*NIGHTLY, "--overlap", "skip", "--json", *BACKUP).json

    assert (changed["new"], changed["changed"], changed["version"]) == (False, True, 2)
    assert changed["schedule"]["overlap"] == "skip"
    assert nightly.ok(*NIGHTLY, *BACKUP).out.startswith("✔ Schedule nightly is changed; next at 2")


def test_a_schedule_is_listed_and_shown(nightly: Queuectl) -> None:
    (listed,) = nightly.ok("schedule", "list", "--json").json

    assert listed == nightly.ok("schedule", "show", "nightly", "--json").json
    assert listed["fields"]["command"] == "./backup --all"
    assert listed["fields"]["cwd"].startswith("/")
    heads, row = nightly.ok("schedule", "list").out.splitlines()
    assert heads.split() == ["SCHEDULE", "WHEN", "NEXT", "LAST", "MISSED", "OVERLAP", "RUNS"]
    assert row.startswith("nightly   30 2 * * * in Europe/Berlin  in ")
    assert row.endswith("./backup --all")
    shown = nightly.ok("schedule", "show", "nightly").out
    assert all(word in shown for word in ("30 2 * * * in Europe/Berlin", "mail", "once (one job of all)"))


def test_the_last_tick_that_became_a_job_is_told_with_what_became_of_the_job(queuectl: Queuectl, queue: Queue) -> None:
    *_, before, last = hourly(queue)
    job = made(queue, "a", before)
    assert queuectl.ok("schedule", "trigger", "a")
    happened(queue, stream_of("job", job_id("a", last)), enqueued(), at=last)  # somebody else has made it

    def told() -> dict[str, str]:
        shown = queuectl.ok("schedule", "show", "a", "--json").json
        (listed,) = queuectl.ok("schedule", "list", "--json").json
        assert listed == shown
        found: dict[str, str] = shown["last"]
        return found

    assert told() == {"tick": instant(before), "job": job, "state": "pending"}
    died(queue, job)

    assert told()["state"] == "dead"
    assert f"{instant(before)}: job {job} is dead" in queuectl.ok("schedule", "show", "a").out
    assert re.search(r"  dead (1h|2h).* ago  ", queuectl.ok("schedule", "list").out)


def test_a_schedule_of_which_no_tick_came_has_no_last_one(nightly: Queuectl) -> None:
    assert nightly.ok("schedule", "show", "nightly", "--json").json["last"] is None
    assert "last  " not in nightly.ok("schedule", "show", "nightly").out


def test_who_changes_what_stands_in_the_code_is_told_that_it_comes_again(nightly: Queuectl) -> None:
    coded = ("--why", IN_CODE)
    assert "sets it anew" not in nightly.ok(*NIGHTLY, *coded, "--overlap", "skip", *BACKUP).err
    assert f"why          {IN_CODE}" in nightly.ok("schedule", "show", "nightly").out
    assert nightly.ok("schedule", "show", "nightly", "--json").json["why"] == IN_CODE

    assert "sets it anew" not in nightly.ok(*NIGHTLY, *coded, "--overlap", "skip", *BACKUP).err
    assert "the next worker that imports its task sets it anew" in nightly.ok("schedule", "remove", "nightly").err
    nightly.ok(*NIGHTLY, *coded, *BACKUP)
    assert "sets it anew" in nightly.ok(*NIGHTLY, "--overlap", "skip", *BACKUP).err
    assert nightly.ok("schedule", "remove", "nightly").err == ""


def test_without_a_schedule_the_list_says_how_to_set_one(queuectl: Queuectl) -> None:
    assert "`queuectl schedule add`" in queuectl.ok("schedule", "list").err
    assert queuectl.ok("schedule", "list", "--json").json == []


def test_pausing_and_resuming_twice_is_said_plainly_and_changes_nothing(nightly: Queuectl) -> None:
    assert nightly.ok("schedule", "pause", "nightly", "--why", "full disk").out == "✔ Schedule nightly is paused\n"
    again = nightly.ok("schedule", "pause", "nightly", "--why", "another reason").out
    assert again.startswith("✔ Schedule nightly is paused already, since 2")
    assert again.endswith(": full disk\n")
    assert re.search(r"paused \d+s ago", nightly.ok("schedule", "list").out)
    assert "it is paused since" in nightly.ok(*NIGHTLY, *BACKUP).err
    assert nightly.ok("schedule", "show", "nightly", "--json").json["next_at"] is None

    assert nightly.ok("schedule", "resume", "nightly").out.startswith("✔ Schedule nightly is resumed; next at 2")
    assert nightly.ok("schedule", "resume", "nightly").out.startswith("✔ Schedule nightly is not paused; next at 2")


def test_what_was_done_is_told_by_the_events_in_words(nightly: Queuectl) -> None:
    nightly.ok("schedule", "pause", "nightly", "--why", "full disk")
    job = nightly.ok("schedule", "trigger", "nightly", "--why", "by hand", "--quiet").out.strip()
    nightly.ok("schedule", "remove", "nightly", "--why", "no longer")

    told = nightly.ok("events", "--stream", "schedule-nightly").out.splitlines()[1:]

    for line, type_, words in zip(
        told,
        ("schedule-set", "schedule-paused", "schedule-triggered", "schedule-removed"),
        ("30 2 * * * in Europe/Berlin: ./backup --all", "full disk", f"job {job}; by hand", "no longer"),
        strict=True,
    ):
        assert f"  {type_} " in line
        assert line.endswith(f"  {words}")
    assert nightly.ok("schedule", "list", "--json").json == []
    shown = nightly.ok("show", job, "--json").json
    assert (shown["queue"], shown["correlation"]) == ("mail", "schedule-nightly")
    assert "schedule nightly, triggered" in nightly.ok("history", job).out
    assert "schedule nightly, triggered" in nightly.ok("why", job).out


def test_ticks_that_became_no_jobs_are_told_and_an_audit_finds_nothing_wrong(queuectl: Queuectl, queue: Queue) -> None:
    hourly(queue, "lame", hours=3)
    hourly(queue, "held", hours=2, overlap="skip")
    make_ticker(queue.connection, {}).step()

    told = queuectl.ok("events", "--type", "tick-skipped").out

    assert "2 ticks from 2" in told
    assert "nobody was there to make their jobs" in told
    jobs = queuectl.ok("list", "--json").json
    assert {one["id"].partition(":")[0] for one in jobs} == {"lame", "held"}
    assert all(
        f"schedule {one['id'].partition(':')[0]}, tick of 2" in queuectl.ok("show", one["id"]).out for one in jobs
    )
    assert "nothing found" in queuectl.ok("audit", "verify", "--all").out
    exported = [json.loads(line) for line in queuectl.ok("audit", "export").out.splitlines()]
    assert {"schedule-lame", "schedule-held"} <= {str(one.get("stream")) for one in exported}
    assert queuectl.ok("status", "--at", "0s", "--json").json["pending"] == 2


def test_the_next_ticks_are_told_also_by_the_clocks_of_the_zone(nightly: Queuectl) -> None:
    told = nightly.ok("schedule", "next", "nightly", "3").out.splitlines()

    assert told[0].split() == ["TICK", "WHEN", "Europe/Berlin"]
    assert len(told) == 4
    assert all(" 02:30 CE" in line or " 03:00 CEST" in line for line in told[1:])
    assert len(nightly.ok("schedule", "next", "nightly", "--json").json["ticks"]) == 5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--cron", "61 * * * *"], "--cron: '61 * * * *' is no cron expression (bad minute): its five fields are"),
        (["--cron", "@daily"], "--cron: '@daily' is no cron expression: its five fields are"),
        (["--cron", "0 0 30 2 *"], "--cron: '0 0 30 2 *' is no cron expression"),
        (["--cron", "* * * * *", "--tz", "Mars/Olympus"], "--tz: 'Mars/Olympus' is no time zone known here"),
        (["--cron", "* * * * *", "--tz", "../etc/passwd"], "--tz: '../etc/passwd' is no time zone known here"),
        (["--cron", "* * * * *", "--tz", "localtime"], "--tz: 'localtime' is no time zone known here"),
        (["--cron", "* * * * *", "--tz", "right/UTC"], "--tz: 'right/UTC' is no time zone known here"),
        (["--cron", "* * * * *", "--tz", ""], "--tz: '' is no time zone known here"),
        (["--cron", "* * * * *", "--tz", "Europe"], "--tz: 'Europe' is no time zone known here"),
        (["--every", "0"], "--every: must be a second or more"),
        (["--every", "1ms"], "--every: must be a second or more"),
        (["--every", "-5"], "--every: must be a second or more"),
        (["--every", "9" * 400], "--every: must be a second or more"),
        (["--every", "soon"], "'soon' is no duration"),
        (["--every", "5", "--tz", "UTC"], "--tz: goes with cron"),
        (["--every", "5", "--missed", "all", "--overlap", "skip"], "--missed: cannot be all where overlap is skip"),
        (["--every", "5", "--missed", "never"], "'never' is none of these"),
        (["--every", "5", "--cron", "* * * * *"], "Give one of the two: --cron or --every"),
        ([], "Give one of the two: --cron or --every"),
        (["--every", "5", "--queue", "/"], "--queue: may hold letters"),
    ],
)
def test_what_is_refused_is_refused_in_a_sentence_by_its_option(
    shared: Queuectl, options: list[str], said: str
) -> None:
    ran = shared.here("schedule", "add", "bad", *options, "--", "true")

    assert ran.code == 2
    assert is_one_sentence(ran), ran
    assert said in ran.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["a b", "--every", "5", "--", "true"], "name: may hold letters"),
        (["x" * 101, "--every", "5", "--", "true"], "name: has 101 characters"),
        (["a", "--every", "5", '{"command": "true", "id": "b"}'], "id: is no field of a schedule's job"),
        (["a", "--every", "5", '{"command": "true", "delay": 5}'], "delay: is no field of a schedule's job"),
        (["a", "--every", "5", '{"comand": "true"}'], "comand: is no field of a job"),
    ],
)
def test_so_is_what_is_refused_of_its_name_and_its_job(shared: Queuectl, args: list[str], said: str) -> None:
    ran = shared.here("schedule", "add", *args)

    assert ran.code == (2 if args[-1].startswith("{") else 1)
    assert is_one_sentence(ran), ran
    assert said in ran.err


def test_a_task_is_scheduled_as_it_is_enqueued(queuectl: Queuectl) -> None:
    options = ("--task", "app.send", "--args", '{"to": "ann"}', "--queue", "mail")

    fields = queuectl.ok("schedule", "add", "digest", "--every", "1h", *options, "--json").json["schedule"]["fields"]

    assert fields == {"task": "app.send", "kwargs": {"to": "ann"}, "queue": "mail"}
    assert queuectl.ok("schedule", "list").out.splitlines()[1].endswith('app.send(to="ann")')
    job = queuectl.ok("schedule", "trigger", "digest", "--quiet").out.strip()
    assert queuectl.ok("show", job, "--json").json["queue"] == "mail"


@pytest.mark.parametrize(
    "job",
    [
        *([], ["{}", "{}"], ["--"], ["{}", "--", "true"], ["--tag", "x", "{}"], ["--args", "[]", "{}"]),
        *(["--task", "a", "{}"], ["--task", "a", "--", "true"]),
    ],
)
def test_a_schedule_has_one_job(shared: Queuectl, job: list[str]) -> None:
    ran = shared.here("schedule", "add", "a", "--every", "5", *job)

    assert ran.code == 2
    assert is_one_sentence(ran), ran


@pytest.mark.parametrize("name", ["show", "pause", "resume", "remove", "trigger", "next"])
def test_of_a_schedule_that_is_not_there_that_is_told(shared: Queuectl, name: str) -> None:
    ran = shared.here("schedule", name, "none")

    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "✘ No schedule 'none': `queuectl schedule list` shows them.\n"


def test_a_schedule_keeps_fields_as_they_are_written_however_they_were_typed(queuectl: Queuectl) -> None:
    for spelling in ("max-retries", "max_retries"):
        queuectl.ok("schedule", "add", "s", "--every", "1h", json.dumps({"command": "true", spelling: 7}))

    assert queuectl.ok("events", "--stream", "schedule-s", "--json").out.count("\n") == 1
    ran = queuectl.here(
        "schedule", "add", "t", "--every", "1h", '{"command": "true", "run-at": "2130-01-31T08:00:00Z"}'
    )
    assert "run_at: is no field of a schedule's job" in ran.err
