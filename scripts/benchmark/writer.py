"""A process that enqueues, so that it can be measured and profiled by itself; it waits at a gate until it may.

It is told where, how and how many, and the gate's descriptors; it prints a line of JSON, and ends with its stdin.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgspec

from eventqueue import Queue
from scripts.benchmark.asked import Asked
from scripts.benchmark.events import BATCH, NO_OP, Kind
from scripts.benchmark.events import asked as asked_for
from scripts.benchmark.gate import Entrance, Gate
from scripts.benchmark.measure import percentile
from scripts.benchmark.processes import spawned
from scripts.benchmark.progress import LOOK_S, Progress
from scripts.benchmark.server import Place

WRITE = """
import sys
from scripts.benchmark.writer import write
write(*sys.argv[1:])
"""
BACKLOG = 5_000  # jobs that `paced` keeps waiting at most
WARM = 100  # jobs enqueued before anything is measured
ELSEWHERE = Kind(queue="elsewhere", output=None)

Fields = Mapping[str, Any]


class Written(msgspec.Struct, frozen=True):
    """How long all of it took, and of each call half and 99 of a hundred at most, in seconds."""

    took: float
    p50: float
    p99: float


class Writer:
    """The side of who starts it."""

    def __init__(self, gate: Gate, pid: int, stdout: int) -> None:
        self.go = gate.open
        self.pid = pid
        self._stdout = stdout

    def written(self) -> Written:
        """Wait until all is enqueued."""
        with os.fdopen(os.dup(self._stdout), "rb") as lines:
            return msgspec.json.decode(lines.readline(), type=Written)


@contextmanager
def writer(place: Place, database: str, asked: Asked, how: str, jobs: int) -> Iterator[Writer]:
    """A writer that is connected, for as long as the block lasts; `how`: `bulk`, `paced`, or in so many threads."""
    with Gate() as gate:
        words = [place.uri, database, how, str(jobs), *map(str, gate.fds)]
        with spawned(WRITE, words, f"writer ({how})", asked.profiles, gate.fds) as process:
            gate.await_ready(1)
            assert process.stdout is not None
            yield Writer(gate, process.pid, process.stdout.fileno())


def write(uri: str, database: str, how: str, jobs: str, *fds: str) -> None:
    """Be that process."""
    with Queue(uri, database) as queue:
        fields = [asked_for(number, NO_OP) for number in range(int(jobs))]
        queue.enqueue_many(asked_for(number, ELSEWHERE) for number in range(WARM))
        Entrance(fds).wait()
        start = time.perf_counter()
        if how == "bulk":
            each = list(_timed(queue.enqueue_many, [fields]))
        elif how == "paced":
            each = list(_paced(queue, fields))
        else:
            each = _in_threads(queue, fields, int(how))
        took = time.perf_counter() - start
    print(msgspec.json.encode(Written(took, percentile(each, 0.5), percentile(each, 0.99))).decode(), flush=True)
    os.read(0, 1)


def _paced(queue: Queue, fields: Sequence[Fields]) -> Iterator[float]:
    """Enqueue in batches, as fast as jobs are done: two events of the log for each, beside its first."""
    progress = Progress(queue.connection.ground)
    before = progress.events()
    for start in range(0, len(fields), BATCH):
        while start - (progress.events() - before - start) / 2 > BACKLOG:
            time.sleep(LOOK_S)
        yield from _timed(queue.enqueue_many, [fields[start : start + BATCH]])


def _in_threads(queue: Queue, fields: Sequence[Fields], threads: int) -> list[float]:
    with ThreadPoolExecutor(threads) as pool:
        parts = [fields[part::threads] for part in range(threads)]
        return [took for part in pool.map(lambda part: list(_timed(queue.enqueue, part)), parts) for took in part]


def _timed(call: Callable[[Any], object], arguments: Iterable[Any]) -> Iterator[float]:
    for argument in arguments:
        start = time.perf_counter()
        call(argument)
        yield time.perf_counter() - start
