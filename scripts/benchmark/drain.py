"""`drain`: jobs that wait already, and do nothing when they run: claimed and settled as fast as it goes."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from eventqueue.connect import open_client
from eventqueue.mongo.ground import Ground, stand_on
from eventqueue.worker.python.plan import PythonPlan
from scripts.benchmark.asked import Asked
from scripts.benchmark.crew import NONE, crew
from scripts.benchmark.events import NO_OP, Kind, births, whole_lives
from scripts.benchmark.measure import Cpu, Figures
from scripts.benchmark.processes import projector
from scripts.benchmark.progress import Progress
from scripts.benchmark.raw import insert_rate
from scripts.benchmark.server import Place

JOBS = 50_000
SLOTS = 100  # of each worker
DATABASE = "drain"


class Drained(msgspec.Struct, frozen=True):
    """From when the workers might claim, in seconds: until all was settled, durably, and until the views showed it."""

    jobs: int
    settled_s: float
    visible_s: float
    cpu_us: dict[str, float]  # for each job

    @property
    def rate(self) -> float:
        """Jobs settled a second."""
        return self.jobs / self.settled_s

    @property
    def sustained_rate(self) -> float:
        """Jobs a second that could go on for ever."""
        return self.jobs / self.visible_s


def run(place: Place, asked: Asked) -> Figures:
    """`rate` until the last settle is durable, `sustained_rate` until the views have it; three events a job."""
    jobs = asked.jobs or JOBS
    with open_client(place.uri) as client:
        ground = stand_on(client[DATABASE])
        raw = insert_rate(client["raw"], whole_lives(0, jobs, ground.clock.now(), NO_OP))
        found = drained(place, ground, jobs, asked)
    return {
        "workers": asked.workers,
        "rate": found.rate,
        "unit": "jobs/s",
        "raw": raw,
        "ratio": 3 * found.rate / raw,
        "sustained_rate": found.sustained_rate,
        "sustained_ratio": 3 * found.sustained_rate / raw,
        "cpu_us": found.cpu_us,
    }


def drained(
    place: Place,
    ground: Ground,
    jobs: int,
    asked: Asked,
    *,
    first: int = 0,
    kind: Kind = NO_OP,
    slots: int = SLOTS,
    by: str = "no-op",
    queues: Sequence[str] = ("default",),
    python: PythonPlan = NONE,
) -> Drained:
    """Enqueue jobs of a kind, numbered from `first` on, wait until the views have them, and have them drained.

    `by`: what runs them, and `python` where they are Python tasks; `queues`: those that the workers serve (none: all).
    """
    with (
        prefilled(place, ground, jobs, asked, kind=kind, first=first) as (progress, keeper, waiting),
        crew(place, ground.database.name, asked, slots=slots, kind=by, queues=queues, python=python) as workers,
    ):
        cpu = Cpu(mongod=place.pid, projector=keeper, workers=workers.pids)
        start = time.perf_counter()
        workers.go()
        progress.await_durable(waiting + 2 * jobs)
        settled = time.perf_counter() - start
        progress.await_applied(waiting + 2 * jobs)
        visible = time.perf_counter() - start
        return Drained(jobs, settled, visible, cpu.each_us(jobs))


@contextmanager
def prefilled(
    place: Place, ground: Ground, jobs: int, asked: Asked, *, kind: Kind = NO_OP, first: int = 0
) -> Iterator[tuple[Progress, int, int]]:
    """A projector whose views have caught up with so many jobs more; its pid, and how many events there are."""
    progress = Progress(ground)
    with projector(place, ground.database.name, asked.profiles) as keeper:
        progress.await_projector()
        for batch in births(first, first + jobs, ground.clock.now(), kind):
            ground.log.append(batch)
        waiting = progress.events()
        progress.await_applied(waiting)
        yield progress, keeper.pid, waiting
