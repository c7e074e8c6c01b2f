"""`scripts/bench`: every scenario measures what it says, if with too few jobs to mean anything."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from eventqueue import Queue
from eventqueue.connect import open_client
from eventqueue.model.job import State
from eventqueue.mongo.ground import stand_on
from scripts.benchmark import drain
from scripts.benchmark.__main__ import SCENARIOS
from scripts.benchmark.addresses import ADDRESSES
from scripts.benchmark.asked import Asked
from scripts.benchmark.commands import COMMANDS
from scripts.benchmark.crew import crew
from scripts.benchmark.server import Place

ROOT = Path(__file__).parents[1]
SMALL = Asked(jobs=50, workers=2, others=100, runs=1)
ALONE = Asked(jobs=50, workers=1, others=100, runs=1)  # which of a crew works is for the tests of drains
FEW = Asked(jobs=10, workers=1, runs=1)
KEYS = {"workers", "rate", "unit", "raw", "ratio"}
MORE = {
    "live": {"p50_ms", "p99_ms", "rss_mb"},
    "rebuild": {"verify_rate", "rss_mb"},
    "bulk": {"followed_rate", "followed_ratio"},
    "drain": {"sustained_rate", "sustained_ratio"},
    "mixed": {"drain_rate", "drain_sustained_rate"},
    "enqueue": {"threads_rate", "p50_ms", "p99_ms"},
    "latency": {"p50_ms", "p99_ms", "runner_p50_ms", "runner_p99_ms"},
    "result": {
        "p50_ms",
        "p99_ms",
        "task_p50_ms",
        "task_p99_ms",
        "runner_p50_ms",
        "runner_p99_ms",
        "loaded_p50_ms",
        "loaded_p99_ms",
    },
    "shell": {"sustained_rate"},
    "tasks": {"sustained_rate", "sustained_ratio"},
    "async": {"ideal_ratio"},
    "crowded": {"sustained_rate", "sustained_ratio"},
    "queues": {"sustained_ratio", "idle_queries", "idle_queries_before"},
    "fill": {"events", "jobs"},
    "memory": {"rss_mb", "growth_mb"},
    "audit": {
        *("events", "status_at_ms", "list_at_ms", "show_at_ms", "events_since_ms", "longest_ms"),
        *("seal_rate", "against_rate", "prove_ms"),
    },
    "sealing": {"without", "seals"},
    "web": {"share", "rss_mb", "pages", "page_p50_ms", "page_p99_ms"},
}
WITHOUT_RAW = {
    "latency",
    "result",
    "fill",
    "scale",
    "pages",
    "audit",
    "sealing",
    "web",
}  # nothing does the same without the queue


@pytest.fixture
def place(server_uri: str, client: MongoClient[dict[str, Any]]) -> Iterator[Place]:
    """The server of the tests, without what a scenario has made; one of its own is what the command starts."""
    before = {*client.list_database_names()}
    yield Place(server_uri, client.admin.command("serverStatus")["pid"])
    for name in {*client.list_database_names()} - before:
        client.drop_database(name)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_tells_all_its_figures_and_none_of_its_rates_is_zero(
    place: Place, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.benchmark.queues.IDLE_S", 1.0)
    monkeypatch.setattr("scripts.benchmark.result.BACKLOG", 1000)
    monkeypatch.setattr("scripts.benchmark.scale.SMALL", 100)
    monkeypatch.setattr("scripts.benchmark.scale.COMMANDS", COMMANDS[::27])
    monkeypatch.setattr("scripts.benchmark.pages.SMALL", 100)
    monkeypatch.setattr("scripts.benchmark.pages.ADDRESSES", {name: ADDRESSES[name] for name in [*ADDRESSES][::9]})
    monkeypatch.setattr("scripts.benchmark.status.PARTS", 2)
    figures = SCENARIOS[name](place, FEW if name in ("latency", "result") else ALONE)

    assert KEYS | MORE.get(name, set()) <= figures.keys()
    compared = {"raw", "ratio"} if name not in WITHOUT_RAW else set()
    rates = {key for key in figures if key.endswith(("rate", "ratio", "_ms", "rss_mb"))} - {"ratio"} | compared
    assert [key for key in rates if not figures[key] > 0] == []


def test_a_drain_ends_when_every_job_is_completed_and_seen_to_be(place: Place) -> None:
    jobs = 1_000  # more than the workers can hold at once

    drain.run(place, Asked(jobs=jobs))

    with Queue(place.uri, drain.DATABASE) as queue:
        assert queue.connection.views.lag().is_fresh
        assert queue.connection.views.counts()["default"].get(State.COMPLETED) == jobs


def test_no_worker_claims_before_the_gate_is_open(place: Place) -> None:
    with (
        open_client(place.uri) as client,
        drain.prefilled(place, stand_on(client["gate"]), 50, SMALL) as (progress, _, waiting),
        crew(place, "gate", SMALL, slots=10) as workers,
    ):
        assert client["gate"]["workers"].count_documents({"buried_at": None}) == SMALL.workers
        assert progress.events() == waiting

        workers.go()

        progress.await_durable(waiting + 100)


def test_the_command_prints_a_line_of_json_and_on_request_where_the_time_goes() -> None:
    words = [sys.executable, "-m", "scripts.benchmark", "--profile", "drain", "--jobs", "50"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)

    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert found["scenario"] == "drain"
    assert found["cpu_us"].keys() == {"mongod", "projector", "workers", "runs"}
    for process in ("projector", "worker 1", "worker 2"):
        assert f"\n{process}\n" in done.stderr
