"""What `--json` prints is what docs/schema/1.json says, name by name and type by type."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pymongo import MongoClient

from eventqueue.api.queue import Queue
from eventqueue.model.lives import WorkerLost, WorkerStarted
from eventqueue.steering.chronicle import tell
from tests.cli import contract
from tests.cli.commands import Queuectl
from tests.cli.conftest import environ
from tests.cli.past import completed, died

SCHEMA = Path(__file__).parents[2] / "docs" / "schema" / f"{contract.VERSION}.json"


@pytest.fixture(scope="module")
def filled(server_uri: str, client: MongoClient[dict[str, Any]]) -> Iterator[Queuectl]:
    """Jobs in several states, of both kinds, with all fields, and a queue that is paused."""
    name = "test_contract"
    queuectl = Queuectl(environ(server_uri, name))
    queuectl.ok("enqueue", "--id", "dead", "--queue", "mail", "--max-retries", "0", "--", "exit 7")
    queuectl.ok("enqueue", "--id", "done", "--env", "TOKEN=1", "--tag", "red", "--timeout", "5s", "--", "true")
    queuectl.ok("enqueue", "--id", "later", "--delay", "1h", "--meta", '{"customer": "acme"}', "--", "true")
    queuectl.ok("enqueue", "--id", "called", "--task", "app.send", "--args", '{"to": "ann"}', "--queue", "web")
    with Queue(server_uri, name) as queue:
        died(queue, "dead", "exit code 7: no space left")
        completed(queue, "done")
        for event in (WorkerStarted(name="1", host="web-1", pid=812, concurrency=4), WorkerLost(held=("done",))):
            tell(queue.connection.ground.log, queue.connection.ground.clock, "worker-1", event, "test")
    queuectl.ok("queue", "pause", "web", "--why", "it moves")
    yield queuectl
    client.drop_database(name)


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        (list[contract.Job], ("list",)),
        (list[contract.Job], ("dlq", "list")),
        (list[contract.Job], ("wait", "done")),
        (list[contract.Job], ("retry", "dead", "--dry-run")),
        (contract.WholeJob, ("show", "dead")),
        (contract.WholeJob, ("show", "done")),
        (contract.WholeJob, ("show", "called")),
        (list[contract.Event], ("history", "done")),
        (list[contract.Queue], ("queue", "list")),
        (contract.Worker, ("worker", "show", "worker-1")),
        (contract.Receipt, ("enqueue", "--id", "new", "--", "true")),
        (list[contract.Act], ("cancel", "later")),
        (list[contract.Restart], ("restart", "dead")),
        (list[contract.Refusal], ("cancel", "done", "nosuch")),
        (list[contract.Refusal], ("restart", "nosuch")),
        (contract.ActSum, ("cancel", "--queue", "none", "--yes")),
    ],
)
def test_what_is_printed_is_of_the_types_of_the_contract_and_has_no_name_more(
    filled: Queuectl, kind: Any, command: tuple[str, ...]
) -> None:
    said = filled.here("--json", *command).out

    assert said
    assert msgspec.to_builtins(msgspec.json.decode(said, type=kind)) == json.loads(said)


def test_an_error_is_of_the_contract(filled: Queuectl) -> None:
    said = filled.here("--json", "show", "nosuch").err

    assert msgspec.to_builtins(msgspec.json.decode(said, type=contract.Failure)) == json.loads(said)


def test_the_schema_is_the_one_that_is_published() -> None:
    assert json.loads(SCHEMA.read_text()) == contract.schema(), "python -m tests.cli.contract makes it anew"
