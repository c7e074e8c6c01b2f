"""`bulk`: one process enqueues many jobs at once; by itself, and with a projector that follows."""

from eventqueue.connect import open_client
from eventqueue.mongo.ground import stand_on
from scripts.benchmark.asked import Asked
from scripts.benchmark.events import NO_OP, births
from scripts.benchmark.measure import Cpu, Figures
from scripts.benchmark.processes import projector
from scripts.benchmark.progress import Progress
from scripts.benchmark.raw import insert_rate
from scripts.benchmark.server import Place
from scripts.benchmark.writer import writer

JOBS = 50_000
ALONE, FOLLOWED = "bulk", "followed"


def run(place: Place, asked: Asked) -> Figures:
    """`rate` is that of a writer alone with the server, as `raw` is; one event a job."""
    jobs = asked.jobs or JOBS
    with open_client(place.uri) as client:
        now = stand_on(client[ALONE]).clock.now()
        raw = insert_rate(client["raw"], births(0, jobs, now, NO_OP))
        alone, cpu = _enqueue(place, ALONE, jobs, asked)
        with projector(place, FOLLOWED, asked.profiles):
            Progress(stand_on(client[FOLLOWED])).await_projector()
            followed, _ = _enqueue(place, FOLLOWED, jobs, asked)
    return {
        "workers": 0,
        "rate": alone,
        "unit": "events/s",
        "raw": raw,
        "ratio": alone / raw,
        "followed_rate": followed,
        "followed_ratio": followed / raw,
        "cpu_us": cpu,
    }


def _enqueue(place: Place, database: str, jobs: int, asked: Asked) -> tuple[float, dict[str, float]]:
    with writer(place, database, asked, "bulk", jobs) as one:
        cpu = Cpu(mongod=place.pid, writer=one.pid)
        one.go()
        took = one.written().took
        return jobs / took, cpu.each_us(jobs)
