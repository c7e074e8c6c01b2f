"""`tasks` and `async`: calls of Python tasks, each in a child process of its worker, claimed and settled."""

import os
from pathlib import Path

from msgspec.structs import replace

from eventqueue.connect import open_client
from eventqueue.mongo.ground import stand_on
from eventqueue.worker.python.plan import PythonPlan
from scripts.benchmark.asked import Asked
from scripts.benchmark.callees import WAIT_S
from scripts.benchmark.drain import drained
from scripts.benchmark.events import Kind, whole_lives
from scripts.benchmark.measure import Figures
from scripts.benchmark.raw import insert_rate
from scripts.benchmark.server import Place

JOBS = 50_000
SLOTS = 200  # of each worker: so many calls may be on their way to its child
WAITING, WAITING_JOBS = 1000, 20_000
DATABASE = "tasks"
ROOT = str(Path(__file__).parents[2])
NOTHING = Kind(command=None, task="bench.nothing", output=None)
WAITS = Kind(command=None, task="bench.waits", output=None)


def run(place: Place, asked: Asked) -> Figures:
    """Tasks that do nothing, in as many processes as there are processors; `raw` as in `drain`."""
    jobs = asked.jobs or JOBS
    processes = max(1, len(os.sched_getaffinity(0)) // asked.workers)
    return _figures(place, asked, jobs, NOTHING, processes=processes, slots=SLOTS)


def run_async(place: Place, asked: Asked) -> Figures:
    """Tasks that wait, a thousand at a time in one worker; `ideal_ratio`: of as many as could have waited meanwhile."""
    jobs = asked.jobs or WAITING_JOBS
    found = _figures(place, replace(asked, workers=1), jobs, WAITS, processes=1, slots=WAITING)
    rate = found["rate"]
    assert isinstance(rate, float)
    return {**found, "ideal_ratio": rate * WAIT_S / WAITING}


def python(processes: int) -> PythonPlan:
    """Return what a worker with so many processes for the tasks of `callees` is told."""
    return PythonPlan(imports=("scripts.benchmark.callees",), import_path=(ROOT,), processes=processes)


def _figures(place: Place, asked: Asked, jobs: int, kind: Kind, *, processes: int, slots: int) -> Figures:
    with open_client(place.uri) as client:
        ground = stand_on(client[DATABASE])
        raw = insert_rate(client["raw"], whole_lives(0, jobs, ground.clock.now(), kind))
        found = drained(place, ground, jobs, asked, kind=kind, slots=slots, python=python(processes))
    return {
        "workers": asked.workers,
        "slots": slots,
        "rate": found.rate,
        "unit": "jobs/s",
        "raw": raw,
        "ratio": 3 * found.rate / raw,
        "sustained_rate": found.sustained_rate,
        "sustained_ratio": 3 * found.sustained_rate / raw,
        "cpu_us": found.cpu_us,
    }
