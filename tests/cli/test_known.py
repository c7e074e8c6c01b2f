"""What a shell is told that may stand in a place: names that there are."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from eventqueue.api.queue import Queue
from eventqueue.model.codec import seal
from eventqueue.model.events import EMPTY
from eventqueue.model.lives import WorkerLeft, WorkerStarted
from eventqueue.ports.log import Append
from eventqueue.steering.chronicle import tell
from tests.builders import NOW, enqueued
from tests.cli.commands import Queuectl


def told(environ: Mapping[str, str], *words: str) -> list[str]:
    """Return what may stand in place of the last word."""
    asked = {"COMP_WORDS": " ".join(("queuectl", *words)), "COMP_CWORD": str(len(words))}
    ran = Queuectl({**environ, "_QUEUECTL_COMPLETE": "bash_complete", **asked}).here()
    assert (ran.code, ran.err) == (0, "")
    return [line.partition(",")[2] for line in ran.out.splitlines() if line]


@pytest.fixture
def filled(queuectl: Queuectl, queue: Queue) -> Queuectl:
    queuectl.ok("enqueue", "--id", "report-1", "--queue", "mail", "--tag", "red", "--", "true")
    queuectl.ok("enqueue", "--id", "report-2", "--queue", "web", "--", "true")
    queuectl.ok("schedule", "add", "nightly", "--every", "1d", "--", "true")
    # Of who writes past the product, which lets no such name in.
    of_a_hand = replace(enqueued(), queue="`id`", tags=("a b",))
    queue.connection.ground.log.append([Append(seal("job-$(touch x)", EMPTY, [of_a_hand], actor="test", now=NOW))])
    ground = queue.connection.ground
    for event in (WorkerStarted(name="1", host="web-1", pid=7, concurrency=1), WorkerLeft()):
        tell(ground.log, ground.clock, "web-1.a", event, "test")
    queue.connection.views.refresh()
    return queuectl


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("show", "report"), ["report-1", "report-2"]),
        (("show", "report-2"), ["report-2"]),
        (("cancel", "report-1", "r"), ["report-1", "report-2"]),
        (("list", "--queue", "m"), ["mail"]),
        (("queue", "pause", "w"), ["web"]),
        (("enqueue", "--tag", "r"), ["red"]),
        (("schedule", "show", "n"), ["nightly"]),
        (("config", "set", "max"), ["max-retries"]),
        (("worker", "stop", "x"), []),
        (("worker", "stop", "web-1"), []),
        (("worker", "show", "web-1"), ["web-1.a"]),
        (("show", "nosuch"), []),
    ],
)
def test_names_that_begin_with_what_is_typed_are_told(
    filled: Queuectl, words: tuple[str, ...], names: list[str]
) -> None:
    assert told(filled.environ, *words) == names


def test_the_newest_jobs_are_told_where_nothing_is_typed_and_no_name_that_a_shell_would_run(filled: Queuectl) -> None:
    assert set(told(filled.environ, "show", "''")) == {"report-1", "report-2"}
    assert told(filled.environ, "show", "$") == told(filled.environ, "list", "--queue", "`") == []
    assert told(filled.environ, "list", "--tag", "a") == []


def test_no_name_is_told_that_a_command_would_take_for_an_option(filled: Queuectl, queue: Queue) -> None:
    of_a_hand = replace(enqueued(), queue="--yes", tags=("-x", "=ls"))
    queue.connection.ground.log.append([Append(seal("job---all", EMPTY, [of_a_hand], actor="test", now=NOW))])
    queue.connection.views.refresh()

    assert set(told(filled.environ, "cancel", "''")) == {"report-1", "report-2"}
    assert told(filled.environ, "list", "--queue", "''") == ["mail", "web"]
    assert told(filled.environ, "list", "--tag", "''") == ["red"]


def test_who_asks_brings_nothing_up_to_date(filled: Queuectl, queue: Queue) -> None:
    queue.enqueue(command="true", id="unseen", queue="other", tags=["blue"])
    applied = queue.connection.views.snapshot()["applied"]

    assert "unseen" not in told(filled.environ, "show", "''")
    assert told(filled.environ, "list", "--queue", "o") == told(filled.environ, "list", "--tag", "b") == []
    assert told(filled.environ, "show", "uns") == ["unseen"]
    assert queue.connection.views.snapshot()["applied"] == applied


def test_who_has_no_server_is_told_nothing_and_none_is_started(tmp_path: Path, queuectl: Queuectl) -> None:
    nowhere = {**queuectl.environ, "QUEUECTL_HOME": str(tmp_path / "home")}
    del nowhere["QUEUECTL_URI"]

    assert told(nowhere, "show", "r") == []
    assert not (tmp_path / "home").exists()
    assert told({**nowhere, "QUEUECTL_URI": "mongodb://127.0.0.1:1"}, "show", "r") == []
