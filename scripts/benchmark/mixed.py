"""`mixed`: jobs are enqueued, in batches, while workers drain them; beside a drain of jobs that are there already."""

import time

from eventqueue.connect import open_client
from eventqueue.mongo.ground import Ground, stand_on
from scripts.benchmark.asked import Asked
from scripts.benchmark.crew import crew
from scripts.benchmark.drain import SLOTS, drained
from scripts.benchmark.events import NO_OP, whole_lives
from scripts.benchmark.measure import Cpu, Figures
from scripts.benchmark.processes import projector
from scripts.benchmark.progress import Progress
from scripts.benchmark.raw import insert_rate
from scripts.benchmark.server import Place
from scripts.benchmark.writer import writer

JOBS = 30_000
DRAIN, MIXED = "drain", "mixed"


def run(place: Place, asked: Asked) -> Figures:
    """`rate` to when all jobs are done and visible; `ratio` to the same of the drain, its sustained rate."""
    jobs = asked.jobs or JOBS
    with open_client(place.uri) as client:
        ground = stand_on(client[DRAIN])
        raw = insert_rate(client["raw"], whole_lives(0, jobs, ground.clock.now(), NO_OP))
        drain = drained(place, ground, jobs, Asked(workers=asked.workers))
        rate, cpu_us = _mixed(place, stand_on(client[MIXED]), jobs, asked)
    return {
        "workers": asked.workers,
        "rate": rate,
        "unit": "jobs/s",
        "raw": raw,
        "ratio": rate / drain.sustained_rate,
        "drain_rate": drain.rate,
        "drain_sustained_rate": drain.sustained_rate,
        "cpu_us": cpu_us,
    }


def _mixed(place: Place, ground: Ground, jobs: int, asked: Asked) -> tuple[float, dict[str, float]]:
    progress, database = Progress(ground), ground.database.name
    with projector(place, database, asked.profiles) as keeper:
        progress.await_projector()
        with crew(place, database, asked, slots=SLOTS) as workers, writer(place, database, asked, "paced", jobs) as one:
            before = progress.events()
            progress.await_applied(before)
            cpu = Cpu(mongod=place.pid, projector=keeper.pid, workers=workers.pids, writer=one.pid)
            start = time.perf_counter()
            workers.go()
            one.go()
            progress.await_applied(before + 3 * jobs)
            return jobs / (time.perf_counter() - start), cpu.each_us(jobs)
