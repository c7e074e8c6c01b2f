"""`latency`: from calling `enqueue` to a job's first instruction, in a system that has nothing else to do."""

import os
import select
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from eventqueue import Queue
from scripts.benchmark.asked import Asked
from scripts.benchmark.crew import crew
from scripts.benchmark.measure import Figures, percentile
from scripts.benchmark.processes import projector
from scripts.benchmark.progress import Progress
from scripts.benchmark.server import Place

JOBS = 300
SLOTS = 1
IDLE_S = 0.05  # between two jobs
PATIENCE_S = 60.0
SHELL, RUNNER = "shell", "stamping"


def run(place: Place, asked: Asked) -> Figures:
    """`p50_ms` and `p99_ms` to a shell's first instruction, a builtin; with `runner_`: to the order to run it."""
    shell, runner = _to_shell(place, asked), _to_runner(place, asked)
    return {
        "workers": asked.workers,
        "rate": len(shell) / sum(shell),
        "unit": "jobs/s",
        "raw": None,
        "ratio": None,
        "p50_ms": 1000 * percentile(shell, 0.5),
        "p99_ms": 1000 * percentile(shell, 0.99),
        "runner_p50_ms": 1000 * percentile(runner, 0.5),
        "runner_p99_ms": 1000 * percentile(runner, 0.99),
    }


def _to_shell(place: Place, asked: Asked) -> list[float]:
    with tempfile.TemporaryDirectory(prefix="eq-bench-") as where:
        path = Path(where) / "started"
        os.mkfifo(path)
        fifo = os.open(path, os.O_RDWR)  # for writing too, so that it has no end
        try:
            return _latencies(place, asked, SHELL, f"echo >{path}", lambda: _first_byte(fifo))
        finally:
            os.close(fifo)


def _to_runner(place: Place, asked: Asked) -> list[float]:
    reads, writes = os.pipe()
    try:
        return _latencies(place, asked, RUNNER, "true", lambda: _stamp(reads), stamps=writes)
    finally:
        os.close(reads)
        os.close(writes)


def _latencies(
    place: Place, asked: Asked, kind: str, command: str, started: Callable[[], float], *, stamps: int | None = None
) -> list[float]:
    """Enqueue jobs one by one; return of each how long it took to start, in seconds."""
    with Queue(place.uri, kind) as queue, projector(place, kind, asked.profiles):
        Progress(queue.connection.ground).await_projector()
        with crew(place, kind, asked, slots=SLOTS, kind=kind, stamps=stamps) as workers:
            workers.go()
            return [_latency(queue, command, started) for _ in range(asked.jobs or JOBS)]


def _latency(queue: Queue, command: str, started: Callable[[], float]) -> float:
    time.sleep(IDLE_S)
    start = time.monotonic()
    queue.enqueue(command=command, queue="default")
    return started() - start


def _first_byte(fifo: int) -> float:
    """Wait for a job's byte; return when it was here, on the clock that all processes share."""
    _await(fifo)
    os.read(fifo, 1)
    return time.monotonic()


def _stamp(pipe: int) -> float:
    """Wait for a start; return when the worker says it was."""
    _await(pipe)
    return int.from_bytes(os.read(pipe, 8), "big") / 1e9


def _await(fd: int) -> None:
    if not select.select([fd], [], [], PATIENCE_S)[0]:
        raise TimeoutError("a job does not start")
