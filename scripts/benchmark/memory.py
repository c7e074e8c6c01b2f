"""`memory`: what a worker has resident after many jobs, and by how much that grew over the last half of them."""

import time

import msgspec

from eventqueue.connect import open_client
from eventqueue.mongo.ground import stand_on
from scripts.benchmark.asked import Asked
from scripts.benchmark.crew import crew
from scripts.benchmark.drain import SLOTS, prefilled
from scripts.benchmark.events import NO_OP, whole_lives
from scripts.benchmark.measure import Figures, resident_mb
from scripts.benchmark.raw import insert_rate
from scripts.benchmark.server import Place

JOBS = 100_000
DATABASE = "memory"


def run(place: Place, asked: Asked) -> Figures:
    """One worker does all the jobs; `growth_mb` from when it had done half of them."""
    jobs, alone = asked.jobs or JOBS, msgspec.structs.replace(asked, workers=1)
    with open_client(place.uri) as client:
        ground = stand_on(client[DATABASE])
        raw = insert_rate(client["raw"], whole_lives(0, jobs, ground.clock.now(), NO_OP))
        with (
            prefilled(place, ground, jobs, alone) as (progress, _, waiting),
            crew(place, DATABASE, alone, slots=SLOTS) as workers,
        ):
            start = time.perf_counter()
            workers.go()
            progress.await_durable(waiting + jobs)
            half = resident_mb(workers.pids[0])
            progress.await_durable(waiting + 2 * jobs)
            rate, rss = jobs / (time.perf_counter() - start), resident_mb(workers.pids[0])
    return {
        "workers": 1,
        "rate": rate,
        "unit": "jobs/s",
        "raw": raw,
        "ratio": 3 * rate / raw,
        "rss_mb": rss,
        "growth_mb": rss - half,
    }
