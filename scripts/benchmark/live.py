"""`live`: a projector that follows a writer who does not wait for it, and one that is woken from idling."""

import os
import threading
import time

from eventqueue.connect import open_client
from eventqueue.mongo.ground import Ground, stand_on
from projections.keeping import generation
from scripts.benchmark.asked import Asked
from scripts.benchmark.events import life, mix
from scripts.benchmark.measure import Cpu, Figures, peak_mb, percentile
from scripts.benchmark.processes import projector
from scripts.benchmark.progress import Progress
from scripts.benchmark.raw import insert_rate
from scripts.benchmark.server import Place

JOBS = 40_000
SINGLE = 200  # events, one at a time, for the latency
DATABASE = "live"


def run(place: Place, asked: Asked) -> Figures:
    """`rate`: events from the first append to when all are in the views, over that time."""
    with open_client(place.uri) as client:
        ground = stand_on(client[DATABASE])
        progress, jobs = Progress(ground), asked.jobs or JOBS
        batches = mix(jobs, ground.clock.now())
        raw = insert_rate(client["raw"], batches)
        with projector(place, DATABASE, asked.profiles) as process:
            progress.await_projector()
            cpu = Cpu(mongod=place.pid, projector=process.pid, writer=os.getpid())
            total = sum(map(len, batches))
            start = time.perf_counter()
            for batch in batches:
                ground.log.append(batch)
            appended, meanwhile = time.perf_counter() - start, progress.applied() or 0
            progress.await_applied(total)
            took, cpu_us = time.perf_counter() - start, cpu.each_us(total)
            latencies = _latencies(ground, jobs)
            rss = peak_mb(process.pid)
    return {
        "workers": 0,
        "rate": total / took,
        "unit": "events/s",
        "raw": raw,
        "ratio": total / took / raw,
        "append_rate": total / appended,
        "rate_while_appending": meanwhile / appended,
        "p50_ms": 1000 * percentile(latencies, 0.5),
        "p99_ms": 1000 * percentile(latencies, 0.99),
        "rss_mb": rss,
        "cpu_us": cpu_us,
    }


def _latencies(ground: Ground, first: int) -> list[float]:
    """Append events one by one to an idle system; return how long each took, from before its append, to be seen."""
    live = generation.current(ground.database)
    assert live is not None
    found = []
    for number in range(SINGLE):
        one, *_ = life(first + number, ground.clock.now())
        job_id = one.stream.partition("-")[2]
        threading.Event().wait(0.02)  # idle again
        start = time.perf_counter()
        ground.log.append([one])
        while live.jobs.find_one({"_id": job_id}, {"_id": 1}) is None:
            pass
        found.append(time.perf_counter() - start)
    return found
