"""What went wrong as a document, where JSON is asked for."""

import json
from pathlib import Path

import click
import pytest

from eventqueue import errors
from eventqueue.cli.failures import code_of, report
from tests.cli.commands import Queuectl

DOCUMENT = (Path(__file__).parents[2] / "docs" / "json.md").read_text()


def _classes(root: type[errors.QueueError]) -> set[type[errors.QueueError]]:
    below = root.__subclasses__()
    return {*below}.union(*map(_classes, below))


def test_each_error_of_ours_has_a_code_that_is_documented() -> None:
    ours = {one for one in _classes(errors.QueueError) if one.__module__ == errors.__name__}
    codes = {code_of(one.__new__(one)) for one in ours}

    assert {"job-not-found", "not-a-replica-set", "log-unavailable"} <= codes
    assert [code for code in sorted(codes) if f"`{code}`" not in DOCUMENT] == []
    assert len(codes) == len(ours)


@pytest.mark.parametrize(
    ("args", "code", "field", "exit_"),
    [
        (("show", "nosuch"), "job-not-found", None, 1),
        (("enqueue", '{"command": "true", "priority": "high"}'), "usage", "priority", 2),
        (("list", "--limit", "many"), "usage", "limit", 2),
        (("enqueue", "--delay", "soon", "--", "true"), "usage", "delay", 2),
        (("nosuch",), "usage", None, 2),
        (("enqueue", "--file", "/nosuch/file"), "system", None, 1),
    ],
)
def test_an_error_is_one_line_of_json_on_stderr(
    shared: Queuectl, args: tuple[str, ...], code: str, field: str | None, exit_: int
) -> None:
    ran = shared.here("--json", *args)

    (line,) = ran.err.splitlines()
    found = json.loads(line)["error"]
    assert (ran.code, ran.out) == (exit_, "")
    assert found.keys() == {"code", "message", "field", "exit"}
    assert (found["code"], found["field"], found["exit"]) == (code, field, exit_)
    assert found["message"] in shared.here(*args).err


@pytest.mark.parametrize(
    "args",
    [
        ("enqueue", "--file", "/nosuch/\udcff"),
        ("audit", "check-proof", "/nosuch/\udcff"),
        ("enqueue", '{"command": "true", "\\udcff": 1}'),
        ("enqueue", '{"command": "true", "meta": {"\\udcff": "\\udcff"}}'),
        ("--uri-file", "/nosuch/\udcff", "status"),
        ("no\udcff",),
        ("list", "--no\udcff"),
        ("list", "\udcff"),
    ],
    ids=ascii,
)
def test_what_is_no_text_is_shown_by_its_bytes(shared: Queuectl, args: tuple[str, ...]) -> None:
    ran = shared.here("--json", *args)

    (line,) = ran.err.splitlines()
    assert json.loads(line)["error"]["exit"] == ran.code
    assert ran.code in (1, 2)
    assert line.isascii()


def test_what_stands_behind_two_dashes_is_a_command_and_asks_for_no_json(shared: Queuectl) -> None:
    ran = shared.here("enqueue", "--nosuch", "--", "list", "--json")

    assert ran.err.startswith("✘ ")


def test_what_is_secret_or_moves_the_cursor_is_in_no_document(capsys: pytest.CaptureFixture[str]) -> None:
    report(errors.Misconfigured("mongodb://ann:secret@host/ \x1b[2J is none."), as_json=True)

    said = capsys.readouterr().err
    assert "secret" not in said
    assert "\x1b" not in said
    assert json.loads(said)["error"]["code"] == "misconfigured"


def test_an_interrupt_is_told_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(click.Abort(), as_json=True) == 130

    assert json.loads(capsys.readouterr().err)["error"]["code"] == "interrupted"
