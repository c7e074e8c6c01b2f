"""`scale`: what each command costs beside few jobs and beside very many: time, memory, and what the server looks at."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from statistics import median
from typing import Any

import msgspec
from pymongo import MongoClient

from eventqueue.api.queue import Queue
from eventqueue.connect import open_client
from eventqueue.model.job import State
from eventqueue.mongo.ground import stand_on
from scripts.benchmark.asked import Asked
from scripts.benchmark.commands import COMMANDS, JOB
from scripts.benchmark.fill import Shape, fill
from scripts.benchmark.measure import Figures, of_command
from scripts.benchmark.processes import rebuild
from scripts.benchmark.server import Place

SMALL, LARGE = 10_000, 1_000_000
DEEP = 5000  # jobs before the page that is asked for
MANY = 100


class Cost(msgspec.Struct, frozen=True):
    """What one command took: seconds, MB, and keys and documents that the server looked at; what says so is refused."""

    seconds: float
    megabytes: float
    looked: int
    is_refused: bool = False


def run(place: Place, asked: Asked) -> Figures:
    """`commands`: each with its cost at both sizes, and how many times as long it takes at the larger one.

    With `--into` in databases that stay there, and are filled only once.
    """
    sizes = (SMALL, asked.jobs or LARGE)
    shape = Shape(asked.queues or 6, asked.tags or 12)
    where = place if asked.into is None else Place(asked.into, place.pid)
    costs = [_costs(where, jobs, shape, asked.runs) for jobs in sizes]
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


def _costs(place: Place, jobs: int, shape: Shape, runs: int) -> Mapping[str, Cost]:
    name = filled(place, jobs, shape)
    with open_client(place.uri) as client, Queue(place.uri, name) as queue:
        stand_on(client[name])
        ids = _ids(queue)
        return {
            words: _cost([_once(client, place.uri, name, one) for one in _typed(words, ids, runs)])
            for words in COMMANDS
        }


def filled(place: Place, jobs: int, shape: Shape) -> str:
    """Return the name of a database that has so many jobs, filled now unless it is there."""
    name = f"scale-{jobs}" if shape == Shape() else f"scale-{jobs}-{shape.queues}-{shape.tags}"
    with open_client(place.uri) as client:
        is_filled = client[name].events.estimated_document_count() >= jobs
    if not is_filled:
        fill(place.uri, name, jobs, shape)
        rebuild(place, name, "rebuild", None)
    return name


def _ids(queue: Queue) -> Mapping[str, Iterator[str]]:
    newest = queue.walk(limit=DEEP).jobs
    *_, deep = (job.id for job in newest)
    return {
        "pending": iter([job.id for job in queue.list(state=State.PENDING, limit=MANY)]),
        "dead": iter([job.id for job in queue.list(state=State.DEAD, limit=MANY)]),
        "completed": iter([job.id for job in queue.list(state=State.COMPLETED, limit=MANY)]),
        "deep": repeat(deep),
        "end": repeat(deep[-12:]),
    }


def _typed(words: str, ids: Mapping[str, Iterator[str]], runs: int) -> Iterator[Sequence[str]]:
    """Yield the words of each run."""
    for _ in range(runs):
        named = {name: next(of, JOB) for name, of in ids.items() if f"{{{name}}}" in words}
        yield words.format(**named).split()


def _cost(found: Sequence[Cost]) -> Cost:
    return Cost(
        median(one.seconds for one in found),
        median(one.megabytes for one in found),
        round(median(one.looked for one in found)),
        all(one.is_refused for one in found),
    )


def _once(client: MongoClient[Any], uri: str, database: str, words: Sequence[str]) -> Cost:
    keys, documents = looked(client)
    seconds, megabytes, is_refused = of_command(uri, database, words)
    keys, documents = (now - before for now, before in zip(looked(client), (keys, documents), strict=True))
    return Cost(seconds, megabytes, max(keys, documents), is_refused)


def looked(client: MongoClient[Any]) -> tuple[int, int]:
    """Return how many keys and documents the server has gone through since it began."""
    found = client.admin.command("serverStatus")["metrics"]["queryExecutor"]
    return int(found["scanned"]), int(found["scannedObjects"])


def _table(sizes: Sequence[int], costs: Sequence[Mapping[str, Cost]]) -> str:
    head = "| command | " + " | ".join(f"{jobs:,} jobs: s, MB, looked at" for jobs in sizes) + " | times |"
    lines = [head, "|---|---|---|---|"]
    for name in COMMANDS:
        parts = [_told(one[name]) for one in costs]
        times = costs[1][name].seconds / costs[0][name].seconds
        lines.append(f"| `{name}` | {parts[0]} | {parts[1]} | {times:.2f} |")
    return "\n".join(lines)


def _told(cost: Cost) -> str:
    refused = ", says so" if cost.is_refused else ""
    return f"{cost.seconds:.2f}, {cost.megabytes:.0f}, {cost.looked:,}{refused}"
