"""What a person, or a machine, reads on the worker's standard output."""

import json
import os
from contextlib import closing
from datetime import timedelta

import pytest
from msgspec.structs import replace

from eventqueue.model.events import Call, Cancelled, Completed, DeadLettered, Error, Event, Failed, FailReason, Released
from eventqueue.model.figures import instant
from eventqueue.model.job import Job
from eventqueue.worker.narrator import Narrator
from tests.builders import NOW, job_that_is

EXIT_3 = Error(type="exit-code", message="exit code 3: no such file")
KEY = Error(type="KeyError", message="'x'")
TIMEOUT = Error(type="timeout", message="ran longer than its timeout of 5 s")


@pytest.fixture(name="job")
def a_job() -> Job:
    job = job_that_is("processing")
    assert job
    return replace(job, id="job-7", max_retries=3)


def failed(error: Error, after_s: float | None = None) -> Failed:
    retry_at = None if after_s is None else NOW + timedelta(seconds=after_s)
    return Failed(reason=FailReason.ERROR, error=error, retry_at=retry_at, exit_code=3)


def narrator(*, as_json: bool = False, quiet: bool = False) -> Narrator:
    return Narrator("2", as_json=as_json, quiet=quiet, host="web-1", now=lambda: NOW)


STAMP = f"{instant(NOW)} web-1"


ENDS = [
    ([Completed(exit_code=0, duration=0.21)], "completed in 0.2 s"),
    ([Completed(exit_code=0)], "completed in 0.0 s"),
    ([failed(EXIT_3, 2.0)], "failed with exit code 3: no such file; retry 1 of 3 in 2 s"),
    ([failed(EXIT_3, 2.1234)], "failed with exit code 3: no such file; retry 1 of 3 in 2.12 s"),
    ([failed(KEY), DeadLettered(reason="used up")], "failed: KeyError: 'x'; dead after 1 attempt"),
    ([failed(TIMEOUT, -1.0)], "failed: ran longer than its timeout of 5 s; retry 1 of 3 in 0 s"),
    ([failed(EXIT_3), DeadLettered(reason="used up")], "failed with exit code 3: no such file; dead after 1 attempt"),
    ([Released(reason="its worker was stopped", due_at=NOW)], "released: its worker was stopped"),
    ([Cancelled(why="expired")], "cancelled: expired"),
]


def test_a_start_is_told_in_a_line(job: Job, capfd: pytest.CaptureFixture[str]) -> None:
    with closing(narrator()) as one:
        one.executing(job)

    assert capfd.readouterr().out == f"{STAMP} Worker 2 executing job job-7\n"


def test_a_python_task_is_named(job: Job, capfd: pytest.CaptureFixture[str]) -> None:
    of_task = replace(job, run=Call(task="app.send", kwargs={"to": "ann"}))
    with closing(narrator()) as one:
        one.executing(of_task)
        one.settled(of_task, [Completed(duration=0.21)], NOW)

    said = capfd.readouterr().out.splitlines()
    assert said == [
        f"{STAMP} Worker 2 executing job job-7 (app.send)",
        f"{STAMP} Worker 2 job job-7 (app.send) completed in 0.2 s",
    ]


@pytest.mark.parametrize(("events", "text"), ENDS)
def test_an_end_is_told_in_a_line(job: Job, capfd: pytest.CaptureFixture[str], events: list[Event], text: str) -> None:
    with closing(narrator()) as one:
        one.settled(job, events, NOW)

    assert capfd.readouterr().out == f"{STAMP} Worker 2 job job-7 {text}\n"


def test_the_last_of_several_attempts_is_counted_with_them(job: Job, capfd: pytest.CaptureFixture[str]) -> None:
    with closing(narrator()) as one:
        one.settled(replace(job, failures=3), [failed(EXIT_3), DeadLettered(reason="used up")], NOW)

    assert "dead after 4 attempts" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("events", "event"),
    [
        ([Completed(exit_code=0)], {"event": "completed", "exit_code": 0}),
        ([failed(EXIT_3, 2.0)], {"event": "failed", "exit_code": 3}),
        ([failed(EXIT_3), DeadLettered(reason="used up")], {"event": "dead-lettered", "exit_code": 3}),
        ([Released(reason="stopped", due_at=NOW)], {"event": "released"}),
    ],
)
def test_as_json_each_line_is_one_object(
    job: Job, capfd: pytest.CaptureFixture[str], events: list[Event], event: dict[str, object]
) -> None:
    with closing(narrator(as_json=True)) as one:
        one.settled(job, events, NOW)

    (line,) = capfd.readouterr().out.splitlines()
    whence = {"at": instant(NOW), "host": "web-1", "worker": "2"}
    assert json.loads(line) == {**whence, "job": "job-7", "attempt": 1, **event}


def test_quiet_says_nothing(job: Job, capfd: pytest.CaptureFixture[str]) -> None:
    with closing(narrator(quiet=True)) as one:
        one.executing(job)

    assert capfd.readouterr().out == ""


def test_json_is_said_even_when_quiet(job: Job, capfd: pytest.CaptureFixture[str]) -> None:
    with closing(narrator(as_json=True, quiet=True)) as one:
        one.executing(job)

    assert json.loads(capfd.readouterr().out)["event"] == "executing"


@pytest.mark.parametrize("as_json", [False, True])
def test_a_reader_that_has_gone_is_no_trouble(job: Job, monkeypatch: pytest.MonkeyPatch, as_json: bool) -> None:
    readable, writable = os.pipe()
    os.close(readable)
    with os.fdopen(writable, "w") as nobody:
        monkeypatch.setattr("sys.stdout", nobody)
        one = narrator(as_json=as_json)

        one.executing(job)
        one.executing(job)


@pytest.mark.parametrize("no_color", ["", "1"])
def test_there_are_colours_on_a_terminal_unless_they_are_unwanted(
    job: Job, monkeypatch: pytest.MonkeyPatch, no_color: str
) -> None:
    screen, terminal = os.openpty()
    monkeypatch.setenv("NO_COLOR", no_color)
    with os.fdopen(terminal, "w") as tty:
        monkeypatch.setattr("sys.stdout", tty)
        with closing(narrator()) as one:
            one.settled(job, [Completed(exit_code=0)], NOW)
        shown = os.read(screen, 1000)
    os.close(screen)

    assert (b"\x1b[" in shown) == (no_color == "")
    assert b"Worker 2 job job-7" in shown
    assert STAMP.encode() not in shown  # who watches knows when it is, and where
