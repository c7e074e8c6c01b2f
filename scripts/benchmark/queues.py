"""`queues`: the same jobs in very many queues and in one, drained by workers that serve all queues; and idle ones."""

import time
from statistics import mean

from pymongo import MongoClient

from eventqueue.connect import open_client
from eventqueue.mongo.ground import stand_on
from scripts.benchmark.asked import Asked
from scripts.benchmark.crew import crew
from scripts.benchmark.drain import drained
from scripts.benchmark.events import Kind
from scripts.benchmark.measure import Figures
from scripts.benchmark.processes import projector
from scripts.benchmark.server import Place

JOBS, QUEUES = 20_000, 10_000
SLOTS = 100  # of each worker
IDLE_S = 10.0
ONE, MANY = Kind(output=None), Kind(output=None, queues=QUEUES)


def run(place: Place, asked: Asked) -> Figures:
    """`raw` is the rate in one queue, measured before and after; idle workers ask `idle_queries` a second each.

    That is once all those queues are empty, and, as `idle_queries_before`, where there never was a second one.
    """
    jobs = asked.jobs or JOBS
    with open_client(place.uri) as client:
        before = drained(place, stand_on(client["one"]), jobs, asked, kind=ONE, slots=SLOTS, queues=())
        idle_before = _idle(place, client, "one", asked)
        many = drained(place, stand_on(client["many"]), jobs, asked, kind=MANY, slots=SLOTS, queues=())
        idle = _idle(place, client, "many", asked)
        after = drained(place, stand_on(client["one-again"]), jobs, asked, kind=ONE, slots=SLOTS, queues=())
    raw = mean((before.rate, after.rate))
    return {
        "workers": asked.workers,
        "queues": MANY.queues,
        "rate": many.rate,
        "unit": "jobs/s",
        "raw": raw,
        "ratio": many.rate / raw,
        "sustained_ratio": many.sustained_rate / mean((before.sustained_rate, after.sustained_rate)),
        "idle_queries_before": idle_before,
        "idle_queries": idle,
        "cpu_us": many.cpu_us,
    }


def _idle(place: Place, client: MongoClient, database: str, asked: Asked) -> float:  # type: ignore[type-arg]
    """Return how many commands the server is sent a second for each worker that has nothing to do."""
    with (
        projector(place, database, None),
        crew(place, database, asked, slots=SLOTS, queues=()) as workers,
    ):
        workers.go()
        time.sleep(IDLE_S / 2)  # until they have looked around
        first = _asked(client)
        time.sleep(IDLE_S)
        return (_asked(client) - first) / IDLE_S / asked.workers


def _asked(client: MongoClient) -> int:  # type: ignore[type-arg]
    counters = client.admin.command("serverStatus")["opcounters"]
    return int(sum(counters[name] for name in ("query", "getmore", "insert", "update", "delete", "command")))
