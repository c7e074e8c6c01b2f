"""`enqueue`: jobs enqueued one by one, each durable before the next; by one thread, and by many of one process."""

from eventqueue.connect import open_client
from eventqueue.mongo.ground import stand_on
from scripts.benchmark.asked import Asked
from scripts.benchmark.events import NO_OP, births
from scripts.benchmark.measure import Cpu, Figures
from scripts.benchmark.raw import insert_rate
from scripts.benchmark.server import Place
from scripts.benchmark.writer import writer

JOBS = 2_000  # by one thread
THREADS = 16  # which enqueue four times as many
DATABASE = "enqueue"


def run(place: Place, asked: Asked) -> Figures:
    """`rate` and the latencies are those of one thread, `threads_rate` that of THREADS together."""
    jobs = asked.jobs or JOBS
    with open_client(place.uri) as client:
        raw = insert_rate(client["raw"], births(0, 4 * jobs, stand_on(client[DATABASE]).clock.now(), NO_OP))
    with writer(place, DATABASE, asked, "1", jobs) as one:
        cpu = Cpu(mongod=place.pid, writer=one.pid)
        one.go()
        single, cpu_us = one.written(), cpu.each_us(jobs)
    with writer(place, DATABASE, asked, str(THREADS), 4 * jobs) as many:
        many.go()
        together = many.written()
    return {
        "workers": 0,
        "rate": jobs / single.took,
        "unit": "jobs/s",
        "raw": raw,
        "ratio": jobs / single.took / raw,
        "p50_ms": 1000 * single.p50,
        "p99_ms": 1000 * single.p99,
        "threads": THREADS,
        "threads_rate": 4 * jobs / together.took,
        "cpu_us": cpu_us,
    }
