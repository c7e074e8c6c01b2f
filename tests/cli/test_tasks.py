"""`queuectl tasks`, and enqueueing one: which modules are imported, and what is told of them."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventqueue.api.queue import Queue
from eventqueue.model.events import Call
from eventqueue.tasks import registry
from tests.cli.commands import Queuectl, is_one_sentence

MODULE = '''
from dataclasses import dataclass
from eventqueue import Context, Discard, Fail, Retry, Snooze, current_job, task

@dataclass
class Order:
    id: int

@task(queue="mail", max_retries=5, aliases=["old.send"])
def send(to: str, n: int = 1) -> str:
    """Send a letter.

    However far."""
    print("sending")
    return f"{n} to {to}"

@task
async def fetch(order: Order, ctx: Context) -> Order:
    return Order(order.id + 1)

@task
def fails(how: str) -> None:
    if how == "discard":
        raise Discard("the order is gone")
    if how == "retry":
        raise Retry(after=5)
    if how == "snooze":
        raise Snooze(after=5)
    if how == "fail":
        raise Fail("no such order")
    raise ValueError(current_job().task)
'''


@pytest.fixture(name="app")
def an_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with a module; what is imported of it here is forgotten afterwards."""
    (tmp_path / "letters.py").write_text(MODULE)
    monkeypatch.setattr(registry, "_tasks", {})
    yield tmp_path
    sys.modules.pop("letters", None)


def test_tasks_are_listed_with_what_they_take(queuectl: Queuectl, app: Path) -> None:
    ran = queuectl.ok("tasks", "list", "--import", "letters", "--import-path", str(app))

    assert "letters.send" in ran.out
    assert "(to: str, n: int = 1) -> str" in ran.out
    assert "Send a letter." in ran.out
    assert "(order: letters.Order) -> letters.Order" in ran.out
    assert ran.err == ""
    listed = queuectl.ok("tasks", "list", "--import", "letters", "--import-path", str(app), "--json").json
    send = next(one for one in listed if one["name"] == "letters.send")
    assert (send["queue"], send["max_retries"], send["aliases"], send["timeout"]) == ("mail", 5, ["old.send"], None)


def test_a_task_runs_here_and_its_result_is_printed(queuectl: Queuectl, app: Path) -> None:
    where = ("--import", "letters", "--import-path", str(app))

    assert queuectl.ok("tasks", "run", "letters.send", "--args", '["ann", 2]', *where).out == 'sending\n"2 to ann"\n'
    ran = queuectl.ok("tasks", "run", "old.send", "--args", '{"to": "ann"}', *where, "--json")
    assert ran.json == {"task": "letters.send", "result": "1 to ann", "error": None, "says": None}
    assert ran.err == "sending\n"
    assert queuectl.ok("tasks", "run", "letters.fetch", "--args", '[{"id": 1}]', *where).out == '{"id":2}\n'


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("letters.send", "--args", "[1]"), 2, "--args: to: expected str, got int"),
        (
            ("letters.send", "--args", "[]"),
            2,
            "--args: do not fit task letters.send: missing a required arg",
        ),
        (("letters.send",), 2, "--args: do not fit task letters.send: missing a required arg"),
        (("letters.send", "--args", "1"), 2, "neither a JSON list nor a JSON object"),
        (("letters.send", "--args", "{"), 2, "no valid JSON"),
        (("letters.sent",), 1, "is letters.send meant?"),
        (("letters.fails", "--args", '["discard"]'), 1, "is to be discarded: the order is gone"),
        (("letters.fails", "--args", '["retry"]'), 1, "failed with Retry: the task asks for a retry"),
        (("letters.fails", "--args", '["snooze"]'), 1, "snoozes for 5 s"),
        (("letters.fails", "--args", '["fail"]'), 1, "failed with Fail: no such order"),
        (("letters.send", "--import", "nowhere"), 1, "Module 'nowhere' cannot be imported"),
    ],
    ids=str,
)
def test_what_went_wrong_is_told(queuectl: Queuectl, app: Path, args: tuple[str, ...], code: int, said: str) -> None:
    ran = queuectl.here("tasks", "run", *args, "--import", "letters", "--import-path", str(app))

    assert ran.code == code
    assert said in ran.err


def test_an_exception_is_told_with_the_place_in_the_users_code(queuectl: Queuectl, app: Path) -> None:
    ran = queuectl.here(
        "tasks", "run", "letters.fails", "--args", '["raise"]', "--import", "letters", "--import-path", str(app)
    )

    assert ran.code == 1
    assert "Task letters.fails failed with ValueError: letters.fails" in ran.err
    assert re.search(r'\n  File ".*/letters.py", line \d+, in fails\n', ran.err)
    assert "eventqueue" not in ran.err


@pytest.mark.parametrize("module", ["nowhere", "letters.nowhere", "..", ""])
def test_a_module_that_is_not_there_is_one_sentence(queuectl: Queuectl, app: Path, module: str) -> None:
    ran = queuectl.here("tasks", "list", "--import", module, "--import-path", str(app))

    assert ran.code == 1
    assert is_one_sentence(ran)


def test_what_lies_here_is_imported_if_it_is_named(
    queuectl: Queuectl, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(app)
    assert "letters.send" in queuectl.ok("tasks", "list", "--import", "letters").out

    app.chmod(0o777)
    sys.modules.pop("letters")
    assert queuectl.here("tasks", "list", "--import", "letters").code == 1


def test_what_lies_here_is_not_imported_unless_its_owner_says_so(
    queuectl: Queuectl, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(app)
    assert queuectl.here("tasks", "list", "--json").json == []

    (app / "pyproject.toml").write_text('[tool.queuectl]\nimport = ["letters"]\n')
    ran = queuectl.ok("tasks", "list")

    assert "letters.send" in ran.out
    assert f"Importing letters, as {app}/pyproject.toml says." in ran.err
    (app / "below").mkdir()
    monkeypatch.chdir(app / "below")
    assert f"Importing letters, as {app}/pyproject.toml says." in queuectl.ok("tasks", "list").err


def test_the_tasks_of_a_file_are_checked_by_the_modules_that_a_pyproject_names(
    queuectl: Queuectl, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (app / "pyproject.toml").write_text('[tool.queuectl]\nimport = ["letters"]\n')
    monkeypatch.chdir(app)
    (app / "jobs").write_text('{"command": "true"}\n{"task": "letters.send", "kwargs": {"wrong": 1}}\n')

    ran = queuectl.here("enqueue", "--file", "jobs")

    assert ran.code == 1
    assert ran.err.count("Importing letters") == 1
    assert "Line 2: args: do not fit" in ran.err


def test_a_file_of_commands_needs_no_module(queuectl: Queuectl, app: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (app / "pyproject.toml").write_text("[tool")
    monkeypatch.chdir(app)
    (app / "jobs").write_text('{"command": "true"}\n')

    assert queuectl.ok("enqueue", "--file", "jobs").err.count("import") == 0


def test_a_pyproject_that_anybody_may_write_is_not_believed(
    queuectl: Queuectl, app: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (app / "pyproject.toml").write_text('[tool.queuectl]\nimport = ["letters"]\n')
    (app / "pyproject.toml").chmod(0o666)
    monkeypatch.chdir(app)

    ran = queuectl.ok("tasks", "list", "--json")
    assert ran.json == []
    assert f"! {app}/pyproject.toml is passed over: others than you may write it, or its directory.\n" in ran.err
    (app / "pyproject.toml").write_text("[tool.other]\n")
    assert "passed over" not in queuectl.ok("tasks", "list", "--json").err


LOUD = """
import os, subprocess
from eventqueue import task

def shout(what):
    print(what, "printed")
    os.write(1, f"{what} wrote\\n".encode())
    subprocess.run(["echo", what, "ran"])

shout("import")

@task
def loud() -> int:
    shout("task")
    return 1
"""


@pytest.mark.parametrize(
    "words",
    [
        "tasks list",
        "tasks run loudly.loud",
        "enqueue --task loudly.loud",
        "schedule add s --every 1m --task loudly.loud",
    ],
)
def test_what_modules_and_tasks_write_is_no_part_of_an_answer_in_json(
    queuectl: Queuectl, tmp_path: Path, words: str
) -> None:
    (tmp_path / "loudly.py").write_text(LOUD)

    ran = queuectl.process(*words.split(), "--import", "loudly", "--import-path", str(tmp_path), "--json")

    assert (ran.code, ran.json is not None) == (0, True)
    for how in ("printed", "wrote", "ran"):
        assert f"import {how}\n" in ran.err
        assert (f"task {how}\n" in ran.err) == (words.split()[:2] == ["tasks", "run"])


@pytest.mark.parametrize(
    ("what", "said"), [("3", "SystemExit: 3"), ("0", "SystemExit: 0"), ("'no disk'", "SystemExit: no disk")]
)
def test_a_task_that_exits_is_told_as_a_worker_would_tell_it(
    queuectl: Queuectl, app: Path, what: str, said: str
) -> None:
    (app / "letters.py").write_text(f"import sys\nfrom eventqueue import task\n@task\ndef f(): sys.exit({what})\n")

    ran = queuectl.here("tasks", "run", "letters.f", "--import", "letters", "--import-path", str(app))

    assert ran.code == 1
    assert f"✘ Task letters.f failed with {said}\n" in ran.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.queuectl]\nimport = 'letters'", "must be a list of modules"),
        ("[tool.queuectl]\nimports = ['letters']", "has no imports"),
        ("[tool]\nqueuectl = 1", "must be a table"),
        ("[tool", "cannot be read"),
    ],
)
def test_a_pyproject_that_says_it_otherwise_is_told(
    queuectl: Queuectl, app: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    (app / "pyproject.toml").write_text(text)
    monkeypatch.chdir(app)

    ran = queuectl.here("tasks", "list")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert said in ran.err


def test_a_task_is_enqueued_and_checked_where_its_module_is_imported(
    queuectl: Queuectl, queue: Queue, app: Path
) -> None:
    where = ("--import", "letters", "--import-path", str(app))

    job = queuectl.ok("enqueue", "--task", "old.send", "--args", '["ann"]', "--priority", "3", *where, "--json").json

    found = queue.get(job["id"])
    assert found.run == Call(task="letters.send", kwargs={"to": "ann"})
    assert (found.queue, found.max_retries, found.priority) == ("mail", 5, 3)
    refused = queuectl.here("enqueue", "--task", "letters.send", "--args", "[7]", *where)
    assert refused.code == 2
    assert "--args: to: expected str, got int" in refused.err
    asked = queuectl.ok("enqueue", '{"task": "letters.send", "kwargs": {"to": "bob"}}', *where, "--json").json
    assert queue.get(asked["id"]).queue == "mail"


@pytest.mark.parametrize("words", ["enqueue", "schedule add s --every 1m"])
def test_an_argument_that_does_not_fit_is_not_taken_for_the_option_of_its_name(
    queuectl: Queuectl, app: Path, words: str
) -> None:
    (app / "letters.py").write_text("from eventqueue import task\n@task\ndef send(queue: str) -> None: ...\n")
    asked = ("--task", "letters.send", "--args", "[7]", "--queue", "mail", "--import", "letters")

    ran = queuectl.here(*words.split(), *asked, "--import-path", str(app))

    assert ran.code == 2
    assert "--args: queue: expected str, got int" in ran.err


def test_a_task_that_is_unknown_here_is_enqueued_as_it_is_asked_for(queuectl: Queuectl, queue: Queue) -> None:
    job = queuectl.ok("enqueue", "--task", "elsewhere.send", "--args", '{"to": [1]}', "--json").json

    assert queue.get(job["id"]).run == Call(task="elsewhere.send", kwargs={"to": [1]})
    shown = queuectl.ok("show", job["id"])
    assert "elsewhere.send" in shown.out
    assert "to=[1]" in shown.out
    assert "elsewhere.send(to=[1])" in queuectl.ok("history", job["id"]).out
    assert queuectl.ok("list", "--json").json[0]["task"] == "elsewhere.send"


@pytest.mark.parametrize(
    "args", [("--args", "[1]", "--", "true"), ("--task", "a", "--", "true"), ("--task", "a", '{"command": "true"}')]
)
def test_a_task_goes_with_no_command(queuectl: Queuectl, args: tuple[str, ...]) -> None:
    assert queuectl.here("enqueue", *args).code == 2
