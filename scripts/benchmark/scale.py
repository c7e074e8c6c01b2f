"""`scale`: what each command costs beside few jobs and beside very many: time, memory, and what the server looks at."""

import sys
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import msgspec
from pymongo import MongoClient

from eventqueue.connect import open_client
from eventqueue.mongo.ground import stand_on
from scripts.benchmark.asked import Asked
from scripts.benchmark.fill import Shape, fill
from scripts.benchmark.measure import Figures, of_command
from scripts.benchmark.processes import rebuild
from scripts.benchmark.server import Place

SMALL, LARGE = 10_000, 1_000_000
RUNS = 3
JOB = "01990000-0000-7000-8000-000000000042"
COMMANDS = (
    *("status", "list --limit 50", "list --limit 50 --since 1h", "list --limit 50 --queue queue-3"),
    *("list --limit 50 --queue nobody-knows", "list --limit 50 --tag tag-7", "list --limit 50 --state pending"),
    *("list --limit 50 --state processing", "list --limit 50 --state completed", "list --limit 50 --state failed"),
    *("list --limit 50 --state cancelled", "dlq list --limit 50", f"show {JOB}", f"history {JOB}", f"logs {JOB}"),
    *(f"audit verify {JOB}", "stats", "stats --window 7d", "top --once", "queue list", "worker list"),
    *("projections list", "doctor", "enqueue -- true", f"retry {JOB} --dry-run", f"why {JOB}", "errors --limit 50"),
)


class Cost(msgspec.Struct, frozen=True):
    """What one command took: seconds, MB, and keys and documents that the server looked at."""

    seconds: float
    megabytes: float
    looked: int


def run(place: Place, asked: Asked) -> Figures:
    """`commands`: each with its cost at both sizes, and how many times as long it takes at the larger one."""
    sizes = (SMALL, asked.jobs or LARGE)
    shape = Shape(asked.queues or 6, asked.tags or 12)
    costs = [_costs(place, jobs, shape) for jobs in sizes]
    print(_table(sizes, costs), file=sys.stderr)
    ratios = {name: costs[1][name].seconds / costs[0][name].seconds for name in COMMANDS}
    return {
        "workers": 0,
        "rate": 1 / max(ratios.values()),
        "unit": "of the speed of the command that slows down most",
        "raw": None,
        "ratio": None,
        "jobs": sizes[1],
        "commands": {name: {"ratio": ratios[name], "looked": costs[1][name].looked} for name in COMMANDS},
    }


def _costs(place: Place, jobs: int, shape: Shape) -> Mapping[str, Cost]:
    name = f"scale-{jobs}"
    fill(place.uri, name, jobs, shape)
    rebuild(place, name, "rebuild", None)
    with open_client(place.uri) as client:
        stand_on(client[name])
        return {words: _cost(client, place.uri, name, words.split()) for words in COMMANDS}


def _cost(client: MongoClient[Any], uri: str, database: str, words: Sequence[str]) -> Cost:
    found = [_once(client, uri, database, words) for _ in range(RUNS)]
    return Cost(*(median(getattr(one, field) for one in found) for field in Cost.__struct_fields__))


def _once(client: MongoClient[Any], uri: str, database: str, words: Sequence[str]) -> Cost:
    before = _looked(client)
    seconds, megabytes = of_command(uri, database, words)
    return Cost(seconds, megabytes, _looked(client) - before)


def _looked(client: MongoClient[Any]) -> int:
    found = client.admin.command("serverStatus")["metrics"]["queryExecutor"]
    return int(max(found["scanned"], found["scannedObjects"]))


def _table(sizes: Sequence[int], costs: Sequence[Mapping[str, Cost]]) -> str:
    head = "| command | " + " | ".join(f"{jobs:,} jobs: s, MB, looked at" for jobs in sizes) + " | times |"
    lines = [head, "|---|---|---|---|"]
    for name in COMMANDS:
        parts = [f"{one[name].seconds:.2f}, {one[name].megabytes:.0f}, {one[name].looked:,}" for one in costs]
        times = costs[1][name].seconds / costs[0][name].seconds
        lines.append(f"| `{name}` | {parts[0]} | {parts[1]} | {times:.2f} |")
    return "\n".join(lines)
