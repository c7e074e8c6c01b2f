"""Passwords and the values of a job's environment: where they may be typed, and that they are printed nowhere."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.cli.root import root
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.test_entry_point import ALL
from tests.worker.crew import crews

SECRET = "secret-word"
WITH_PASSWORD = f"mongodb://ann:{SECRET}@127.0.0.1:1/?replicaSet=rs0"
NO_DATABASE = {"db start", "db status", "db stop", "completion"}
ARGUMENTS = {
    **{name: ["a"] for name in ("wait", "show", "history", "logs", "cancel", "retry", "replay", "audit verify", "why")},
    **{name: ["mail"] for name in ("queue pause", "queue resume", "projections show", "config get", "config unset")},
    **{f"schedule {name}": ["a"] for name in ("show", "pause", "resume", "remove", "trigger", "next")},
    "restart": ["a", "--priority", "1"],
    "set": ["a", "--priority", "1"],
    "run-now": ["a"],
    "schedule add": ["a", "--every", "7d", "{}"],
    "worker show": ["a"],
    "worker stop": ["--all"],
    "tasks run": ["app.send"],
    "enqueue": ["--file", "-"],
    "config set": ["grace", "20"],
    "projections retry": ["stats", "a"],
    "audit import": ["a"],
    "diff": ["a", "b"],
    "simulate": ["--max-retries", "1"],
    "dlq retry": ["--all", "--yes"],
    "dlq discard": ["--all", "--yes"],
    "dlq ignore": ["0a1b2c3d4e"],
    "dlq unignore": ["0a1b2c3d4e"],
    "audit prove": ["a"],
    **{name: ["/no/file"] for name in ("audit check-proof", "audit key")},
}

SHOWING = [
    *(["show", "a"], ["history", "a"], ["replay", "a"], ["logs", "a"], ["list"], ["list", "--state", "dead"]),
    *(["count"], ["count", "--by", "error"]),
    *(["dlq", "list"], ["dlq", "retry", "--all", "--dry-run"], ["status"], ["stats"], ["top", "--once"], ["doctor"]),
    *(["projections", "list"], ["projections", "verify"], ["projections", "show", "stats"], ["audit", "verify", "a"]),
    *(["diff", "a", "1", "2"], ["simulate", "--max-retries", "1"]),
    *(["schedule", "list"], ["schedule", "show", "often"], ["events", "--stream", "schedule-often"], ["events"]),
    *(["wait", "a"], ["queue", "list"], ["enqueue", "--id", "a", "--env", f"WORD={SECRET}!", "--", "false"]),
]


def command(words: str) -> click.Command:
    found: click.Command = root
    for word in words.split():
        assert isinstance(found, click.Group)
        inner = found.get_command(click.Context(found), word)
        assert inner
        found = inner
    return found


def let_fail(uri: str, db: str, folder: Path) -> None:
    """Make job `a` that has failed for good, with a secret in its environment and in what was asked for."""
    with Queue(uri, db) as queue:
        queue.enqueue(id="a", command="false", max_retries=0, env={"WORD": SECRET})
        queue.schedule("often", {"command": "true", "env": {"WORD": SECRET}}, every=timedelta(days=7))
    with crews(uri, db, folder) as start:
        assert start(until_empty=True).ends() == 0


@pytest.fixture(scope="module")
def filled(shared: Queuectl, tmp_path_factory: pytest.TempPathFactory) -> Queuectl:
    """A database with that job, which nobody changes."""
    let_fail(shared.environ["QUEUECTL_URI"], shared.environ["QUEUECTL_DB"], tmp_path_factory.mktemp("secrets"))
    return shared


def printed(queuectl: Queuectl, args: list[str]) -> str:
    ran = queuectl.here(*args)
    assert "Unexpected" not in ran.err
    return ran.out + ran.err


def test_no_command_prints_the_values_of_a_jobs_environment(
    queuectl: Queuectl, server_uri: str, database: Database[dict[str, Any]], tmp_path: Path
) -> None:
    let_fail(server_uri, database.name, tmp_path)
    for name in database.list_collection_names(filter={"name": {"$regex": "^jobs-"}}):
        database[name].update_one({"_id": "a"}, {"$set": {"run.command": "true"}})  # for `projections verify` to name
    for args in SHOWING:
        for form in (args, [*args[:1], "--json", *args[1:]]):
            assert SECRET not in printed(queuectl, form), form


@pytest.mark.parametrize("name", ["show", "history", "replay"])
def test_they_are_shown_to_who_asks(filled: Queuectl, name: str) -> None:
    hidden, shown = filled.ok(name, "a", "--json").out, filled.ok(name, "a", "--json", "--show-env").out

    assert '"WORD":"•••"' in hidden
    assert SECRET not in hidden
    assert f'"WORD":"{SECRET}"' in shown
    assert "•••" not in shown


def test_for_people_a_variable_is_named_and_its_value_is_not(filled: Queuectl) -> None:
    assert "WORD=•••" in filled.ok("show", "a").out
    assert f"WORD={SECRET}" in filled.ok("show", "a", "--show-env").out


LEAVES = sorted(name for words in ALL if not isinstance(command(name := " ".join(words)), click.Group))


@pytest.mark.parametrize("name", [name for name in LEAVES if name not in NO_DATABASE])
@pytest.mark.parametrize("option", [["--uri", WITH_PASSWORD], [f"--uri={WITH_PASSWORD}"]])
def test_no_command_takes_a_password_that_everybody_can_read(queuectl: Queuectl, name: str, option: list[str]) -> None:
    for args in ([*option, *name.split()], [*name.split(), *option]):
        ran = queuectl.here(*args, *ARGUMENTS.get(name, []))

        assert ran.code == 2
        assert is_one_sentence(ran)
        assert "QUEUECTL_URI" in ran.err
        assert "--uri-file" in ran.err
        assert SECRET not in ran.err


def test_a_uri_is_read_from_a_file(queuectl: Queuectl, tmp_path: Path) -> None:
    file = tmp_path / "uri"
    file.write_text(f"{queuectl.environ['QUEUECTL_URI']}\nand a second line\n")
    elsewhere = queuectl.with_environ(QUEUECTL_URI=WITH_PASSWORD)

    assert elsewhere.ok("--uri-file", str(file), "list", "--json").json == []
    assert elsewhere.ok("top", "--once", "--uri-file", str(file)).err == ""


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\n"])
def test_a_file_without_a_uri_is_named(queuectl: Queuectl, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "uri"
    file.write_bytes(content)

    ran = queuectl.here("--uri-file", str(file), "list")

    assert ran.code == 2
    assert is_one_sentence(ran)
    assert str(file) in ran.err


def test_a_file_that_is_not_there_is_named(queuectl: Queuectl) -> None:
    ran = queuectl.here("list", "--uri-file", "/no/such/file")

    assert (ran.code, ran.err) == (1, "✘ /no/such/file: No such file or directory.\n")


def test_two_uris_are_one_too_many(queuectl: Queuectl) -> None:
    ran = queuectl.here("--uri", "mongodb://a", "list", "--uri-file", "/no/such/file")

    assert ran.code == 2
    assert is_one_sentence(ran)
