"""`result`: from calling `enqueue` to having a job's result, where there is nothing else to do; and under a backlog."""

import time
from collections.abc import Mapping, Sequence
from itertools import count

from eventqueue import Queue
from eventqueue.mongo.ground import stand_on
from eventqueue.worker.python.plan import PythonPlan
from scripts.benchmark.asked import Asked
from scripts.benchmark.crew import NONE, crew
from scripts.benchmark.drain import prefilled
from scripts.benchmark.measure import Figures, percentile
from scripts.benchmark.processes import projector
from scripts.benchmark.progress import Progress
from scripts.benchmark.server import Place
from scripts.benchmark.tasks import python

JOBS = 300
BACKLOG = 20_000
SLOTS, LOADED_SLOTS = 1, 100
IDLE_S = 0.05  # between two jobs
PATIENCE_S = 60.0
URGENT = 100  # the priority of those that are waited for while there is a backlog
Fields = Mapping[str, str]
COMMAND, TASK = {"command": "true"}, {"task": "bench.nothing"}

_numbers = count(1)


def run(place: Place, asked: Asked) -> Figures:
    """`p50_ms` and `p99_ms` of a shell's `true`; `task_`: of a task that does nothing, `runner_`: of no run at all.

    With `loaded_`: from the end of a job, as its event tells, to the return of `wait`, while a backlog is drained.
    """
    shell, runner = _idle(place, asked, "shell", COMMAND), _idle(place, asked, "no-op", COMMAND)
    called = _idle(place, asked, "no-op", TASK, python(1))
    loaded = _loaded(place, asked)
    return {
        "workers": asked.workers,
        "rate": len(shell) / sum(shell),
        "unit": "jobs/s",
        "raw": None,
        "ratio": None,
        "p50_ms": 1000 * percentile(shell, 0.5),
        "p99_ms": 1000 * percentile(shell, 0.99),
        "task_p50_ms": 1000 * percentile(called, 0.5),
        "task_p99_ms": 1000 * percentile(called, 0.99),
        "runner_p50_ms": 1000 * percentile(runner, 0.5),
        "runner_p99_ms": 1000 * percentile(runner, 0.99),
        "loaded_p50_ms": 1000 * percentile(loaded, 0.5),
        "loaded_p99_ms": 1000 * percentile(loaded, 0.99),
    }


def _idle(place: Place, asked: Asked, kind: str, job: Fields, plan: PythonPlan = NONE) -> Sequence[float]:
    database = f"result-{next(_numbers)}"
    with Queue(place.uri, database) as queue, projector(place, database, asked.profiles):
        Progress(queue.connection.ground).await_projector()
        with crew(place, database, asked, slots=SLOTS, kind=kind, python=plan) as workers:
            workers.go()
            return [_result(queue, job) for _ in range(asked.jobs or JOBS)]


def _result(queue: Queue, job: Fields) -> float:
    time.sleep(IDLE_S)
    start = time.monotonic()
    queue.enqueue(job, queue="default").result(PATIENCE_S)
    return time.monotonic() - start


def _loaded(place: Place, asked: Asked) -> Sequence[float]:
    """Return how late each of some urgent jobs was told of as ended while the others of a backlog were run."""
    late: list[float] = []
    with Queue(place.uri, "result-loaded") as queue:
        ground = stand_on(queue.connection.ground.database)
        backlog = asked.jobs or BACKLOG
        with (
            prefilled(place, ground, backlog, asked) as (progress, _, waiting),
            crew(place, "result-loaded", asked, slots=LOADED_SLOTS) as workers,
        ):
            workers.go()
            while progress.events() < waiting + 2 * backlog or not late:
                (job,) = queue.wait([queue.enqueue(command="true", queue="default", priority=URGENT).id], PATIENCE_S)
                late.append((ground.clock.now() - job.updated_at).total_seconds())
    return late
