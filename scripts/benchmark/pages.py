"""`pages`: what each page costs beside few jobs and beside very many: time, memory, and what is looked at."""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from threading import current_thread
from typing import Any
from urllib.parse import quote

import msgspec
from pymongo import MongoClient, monitoring

from eventqueue.api.queue import Queue
from eventqueue.connect import open_client
from eventqueue.model.figures import instant
from eventqueue.model.job import State
from eventqueue.mongo.ground import stand_on
from eventqueue.ports.views import Filter
from eventqueue.web.app import make_app
from eventqueue.web.entry.guard import Entry
from eventqueue.web.entry.keys import Keys
from eventqueue.web.server import hosts_of, listen, serving
from scripts.benchmark.addresses import ADDRESSES
from scripts.benchmark.asked import Asked
from scripts.benchmark.fill import Shape
from scripts.benchmark.measure import Figures, peak_mb
from scripts.benchmark.scale import LARGE, SMALL, filled, looked
from scripts.benchmark.server import Place

DEEP = 100_000  # jobs before the slice that is asked for
TICKED = 500  # jobs
THEN = timedelta(days=9, hours=5)  # ago is the time that is past
SELF = Path("/proc/self")


class Cost(msgspec.Struct, frozen=True):
    """What one page took: seconds, of these of the processor, the most MB meanwhile, commands, what they looked at."""

    status: int
    seconds: float
    cpu_s: float
    megabytes: float
    trips: int
    looked: int
    kilobytes: float


class Trips(monitoring.CommandListener):
    """Counts what is sent to the server, but for what the thread sends that follows the views."""

    number = 0

    def started(self, _: monitoring.CommandStartedEvent) -> None:
        """See CommandListener."""
        self.number += current_thread().name != "live"

    def succeeded(self, _: monitoring.CommandSucceededEvent) -> None:
        """See CommandListener."""

    def failed(self, _: monitoring.CommandFailedEvent) -> None:
        """See CommandListener."""


def run(place: Place, asked: Asked) -> Figures:
    """`pages`: each with its cost at both sizes, the first time and, as a median, those that follow.

    With `--into` in databases that stay there, and are filled only once.
    """
    sizes = (SMALL, asked.jobs or LARGE)
    shape = Shape(asked.queues or 6, asked.tags or 12)
    where = place if asked.into is None else Place(asked.into, place.pid)
    monitoring.register(trips := Trips())
    costs = [_costs(where, filled(where, jobs, shape), asked.runs, trips) for jobs in sizes]
    print(_table(sizes, costs), file=sys.stderr)
    ratios = {name: costs[1][name].cpu_s / costs[0][name].cpu_s for name in ADDRESSES}
    return {
        "workers": 0,
        "rate": 1 / max(ratios.values()),
        "unit": "of the speed of the page that slows down most",
        "raw": None,
        "ratio": None,
        "jobs": sizes[1],
        "pages": {name: msgspec.to_builtins(costs[1][name]) for name in ADDRESSES},
    }


def _costs(place: Place, database: str, runs: int, trips: Trips) -> Mapping[str, Cost]:
    with open_client(place.uri) as client, Queue(place.uri, database) as queue:
        stand_on(client[database])
        named = _named(queue)
        with _served(queue) as connection:
            return {
                name: _cost([_once(client, trips, connection, address.format(**named)) for _ in range(runs)])
                for name, address in ADDRESSES.items()
            }


@contextmanager
def _served(queue: Queue) -> Iterator[HTTPConnection]:
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        entry = Entry(Keys("viewer", "operator"), hosts_of(port), "page")
        with serving(make_app(queue, entry), listening):
            connection = HTTPConnection("127.0.0.1", port)
            yield connection
            connection.close()


def _named(queue: Queue) -> Mapping[str, str]:
    """Return what addresses name, fit for one; what there is none of is `none`."""
    *_, deep = queue.connection.views.ids(Filter(limit=DEEP))
    then = queue.connection.ground.clock.now() - THEN
    names = {state.value: _first(job.id for job in queue.list(state=state, limit=1)) for state in State}
    names |= {"deep": deep, "then": instant(then), "past": _first(job.id for job in queue.at(then).list(limit=1))}
    names |= {"gone": _first(one.worker.id for one in queue.workers_gone(THEN, 1))}
    ticked = "".join(f"&id={quote(one)}" for one in queue.connection.views.ids(Filter(limit=TICKED)))
    return {name: quote(text, safe="") for name, text in names.items()} | {"ticked": ticked}


def _first(names: Iterable[str]) -> str:
    return next(iter(names), "none")


def _once(client: MongoClient[Any], trips: Trips, connection: HTTPConnection, address: str) -> Cost:
    (SELF / "clear_refs").write_text("5")  # the peak begins here
    before, sent = looked(client), trips.number
    began, used = time.perf_counter(), time.process_time()
    connection.request("GET", address, headers={"Cookie": "page=operator", "X-Part": "main"})
    answer = connection.getresponse()
    size = len(answer.read())
    took, used = time.perf_counter() - began, time.process_time() - used
    sent = trips.number - sent
    keys, documents = (now - then for now, then in zip(looked(client), before, strict=True))
    return Cost(answer.status, took, used, peak_mb(int(SELF.resolve().name)), sent, max(keys, documents), size / 1000)


def _cost(found: Sequence[Cost]) -> Cost:
    rows = [msgspec.structs.astuple(one) for one in found]
    return Cost(*(median(column) for column in zip(*rows, strict=True)))


def _table(sizes: Sequence[int], costs: Sequence[Mapping[str, Cost]]) -> str:
    head = "| page | " + " | ".join(f"{jobs:,} jobs" for jobs in sizes) + " |"
    lines = [head, "|---|---|---|"]
    lines += [f"| {name} | " + " | ".join(_told(one[name]) for one in costs) + " |" for name in ADDRESSES]
    return "\n".join(lines)


def _told(cost: Cost) -> str:
    refused = "" if cost.status < 400 else f", {cost.status:.0f}"
    amounts = f"{cost.trips:,.0f}, {cost.looked:,.0f}, {cost.kilobytes:,.0f}, {cost.megabytes:,.0f}"
    return f"{1000 * cost.seconds:,.0f}, {1000 * cost.cpu_s:,.0f}, {amounts}{refused}"
