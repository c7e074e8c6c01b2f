"""`status`: a loaded projector, with and without somebody who asks for the status ten times a second."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from statistics import median

from eventqueue.connect import open_client
from eventqueue.mongo.ground import Ground, stand_on
from eventqueue.ports.log import Append
from scripts.benchmark.asked import Asked
from scripts.benchmark.events import mix
from scripts.benchmark.gate import Gate
from scripts.benchmark.measure import Figures
from scripts.benchmark.processes import projector, spawned
from scripts.benchmark.progress import Progress
from scripts.benchmark.server import Place

JOBS = 10_000  # in each part
PARTS = 6  # with a reader and without, in turn
DATABASE = "status"

READ = """
import select, sys, time
from eventqueue import Queue
from scripts.benchmark.gate import Entrance

with Queue(sys.argv[1], sys.argv[2]) as queue:
    queue.status()
    Entrance(sys.argv[3:]).wait()
    asked, due = 0, time.monotonic()
    while not select.select([0], [], [], max(0.0, due - time.monotonic()))[0]:
        queue.status()
        asked, due = asked + 1, max(due + 0.1, time.monotonic())
print(asked)
"""


def run(place: Place, asked: Asked) -> Figures:
    """`rate` with the reader, `raw` the projector's without, `ratio` of the two: medians of parts of this run."""
    jobs = asked.jobs or JOBS
    rates: dict[bool, list[float]] = {False: [], True: []}
    with open_client(place.uri) as client:
        ground = stand_on(client[DATABASE])
        progress = Progress(ground)
        with projector(place, DATABASE, asked.profiles):
            progress.await_projector()
            for part in range(PARTS):
                batches = mix(jobs, ground.clock.now(), part * jobs)
                is_read = part % 2 == 1
                rates[is_read].append(_rate(place, ground, progress, batches, asked, is_read=is_read))
    return {
        "workers": 0,
        "rate": median(rates[True]),
        "unit": "events/s",
        "raw": median(rates[False]),
        "ratio": median(rates[True]) / median(rates[False]),
    }


def _rate(
    place: Place,
    ground: Ground,
    progress: Progress,
    batches: Sequence[Sequence[Append]],
    asked: Asked,
    *,
    is_read: bool,
) -> float:
    """Return how many events a second come into the views from the first append on."""
    with ExitStack() as stack:
        if is_read:
            gate = stack.enter_context(Gate())
            words = [place.uri, DATABASE, *map(str, gate.fds)]
            stack.enter_context(spawned(READ, words, "reader", asked.profiles, gate.fds))
            gate.await_ready(1)
            gate.open()
        total, before = sum(map(len, batches)), progress.applied() or 0
        start = time.perf_counter()
        for batch in batches:
            ground.log.append(batch)
        progress.await_applied(before + total)
        return total / (time.perf_counter() - start)
