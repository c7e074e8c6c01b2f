"""What `--json` prints has the shape that docs/json.md says, name by name."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from eventqueue.api.queue import Queue
from eventqueue.model.lives import WorkerLost, WorkerStarted
from eventqueue.steering.chronicle import tell
from tests.cli.commands import Queuectl
from tests.cli.conftest import environ
from tests.cli.past import completed, died

DOCUMENT = (Path(__file__).parents[2] / "docs" / "json.md").read_text()
# What runs until it is told to stop is told without `json`.
SHAPES = re.findall(r"^### ([^\n]+)\n(?:(?!^### ).)*?^```json\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
ANY, QUEUE = "…", "mail"


@pytest.fixture(scope="module")
def filled(server_uri: str, client: MongoClient[dict[str, Any]]) -> Iterator[Queuectl]:
    """A dead job, one that is done, one whose queue is paused, a schedule, a seal, and a worker that was lost."""
    name = "test_json_shapes"
    queuectl = Queuectl(environ(server_uri, name))
    queuectl.ok("enqueue", "--id", "report", "--queue", "mail", "--max-retries", "0", "--", "exit 7")
    queuectl.ok("enqueue", "--id", "done", "--", "true")
    queuectl.ok("enqueue", "--id", "waits", "--queue", "web", "--", "true")
    with Queue(server_uri, name) as queue:
        died(queue, "report", "exit code 7: no space left")
        for event in (WorkerStarted(name="1", host="web-1", pid=812, concurrency=4), WorkerLost(held=("report",))):
            tell(queue.connection.ground.log, queue.connection.ground.clock, "web-1:5f0c", event, "test")
        completed(queue, "done")
    queuectl.ok("queue", "pause", "web", "--why", "it moves")
    queuectl.ok("schedule", "add", "nightly", "--cron", "30 2 * * *", "--tz", "Europe/Berlin", "--", "./backup")
    queuectl.ok("audit", "seal")
    yield queuectl
    client.drop_database(name)


def misfits(shape: Any, found: Any, where: str = "") -> Iterator[str]:
    """Yield where what was found has another shape."""
    if shape == ANY:
        return
    if isinstance(shape, dict) and isinstance(found, dict):
        if shape.keys() == {QUEUE}:  # by the names of queues
            yield from misfits(shape[QUEUE], found[QUEUE], f"{where}.{QUEUE}")
        elif shape.keys() != found.keys():
            yield f"{where}: {sorted(shape.keys() ^ found.keys())}"
        else:
            for name in shape:
                yield from misfits(shape[name], found[name], f"{where}.{name}")
    elif isinstance(shape, list) and isinstance(found, list):
        if shape and found:
            yield from misfits(shape[0], found[0], f"{where}[]")
    elif isinstance(shape, dict | list) or isinstance(found, dict | list):
        yield f"{where}: {type(shape).__name__}, not {type(found).__name__}"


@pytest.mark.parametrize(("command", "shape"), SHAPES, ids=[command for command, _ in SHAPES])
def test_the_shape_is_the_one_that_is_documented(filled: Queuectl, command: str, shape: str) -> None:
    found = [json.loads(line) for line in filled.ok(*command.split(), "--json").out.splitlines()]

    assert list(misfits(json.loads(shape), found[0])) == []


def test_a_name_too_many_or_too_few_is_noticed() -> None:
    assert list(misfits({"a": {"b": 1}}, {"a": {"b": 1}})) == []
    assert list(misfits({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}})) == [".a: ['c']"]
    assert list(misfits([{"a": 1}], [{}])) == ["[]: ['a']"]
    assert list(misfits({"a": []}, {"a": {}})) == [".a: list, not dict"]
    assert len(SHAPES) > 10
