"""`fill`: a database as a system has it after four weeks, through the product's own spec, seal and append."""

import random
import struct
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from multiprocessing import get_context
from typing import Any
from uuid import UUID

import msgspec

from eventqueue.connect import open_client
from eventqueue.model import spec
from eventqueue.model.codec import Sealed, seal
from eventqueue.model.events import (
    EMPTY,
    Amended,
    Cancelled,
    Captured,
    Claimed,
    Completed,
    DeadLettered,
    Error,
    Event,
    Failed,
    FailReason,
    Output,
    Retried,
    RetryCause,
    Terms,
    stream_of,
)
from eventqueue.model.lives import CATEGORY, WorkerLeft, WorkerLost, WorkerStarted
from eventqueue.model.spec import Defaults
from eventqueue.mongo.ground import stand_on
from eventqueue.ports.log import Append
from scripts.benchmark.asked import Asked
from scripts.benchmark.measure import Figures
from scripts.benchmark.server import Place

JOBS = 100_000
DATABASE = "fill"
BATCH = 500  # jobs in one append
PART = 10_000  # jobs that one process appends, before it takes others
WRITERS = 2
JOBS_A_LIFE = 100  # of jobs, for each worker that came and went
SPAN = timedelta(days=28)
ERRORS = (
    *("connection refused", "connection reset by peer", "timed out", "no such file or directory", "permission denied"),
    *("out of memory", "disk full", "bad gateway", "invalid input", "key error: customer", "not found", "rate limited"),
)
TS_AT = 44  # bytes behind an event's `ts`: its hash, and a zero
OUTPUT = Output(stdout=Captured(text="done\n", length=5, sha256=bytes(32)))


class Shape(msgspec.Struct, frozen=True):
    """Over how many queues and tags the jobs are spread."""

    queues: int = 6
    tags: int = 12


def run(place: Place, asked: Asked) -> Figures:
    """`rate`: events a second that get into the log, from two processes; into the server of `--into`, if given."""
    jobs, uri = asked.jobs or JOBS, asked.into or place.uri
    began = time.perf_counter()
    events = fill(uri, DATABASE, jobs, Shape(asked.queues or 6, asked.tags or 12))
    took = time.perf_counter() - began
    return {
        "workers": WRITERS,
        "rate": events / took,
        "unit": "events/s",
        "raw": None,
        "ratio": None,
        "jobs": jobs,
        "events": events,
    }


def fill(uri: str, database: str, jobs: int, shape: Shape) -> int:
    """Append the histories of so many jobs; return how many events they have."""
    with open_client(uri) as client:
        stand_on(client[database])
    append = partial(_append, (uri, database), jobs, shape)
    with ProcessPoolExecutor(WRITERS, mp_context=get_context("spawn")) as pool:
        return sum(pool.map(append, range(0, jobs, PART)))


def _append(where: tuple[str, str], of: int, shape: Shape, first: int) -> int:
    written = 0
    with open_client(where[0]) as client:
        ground = stand_on(client[where[1]])
        now = ground.clock.now()
        last = min(first + PART, of)
        for start in range(first, last, BATCH):
            numbers = range(start, min(start + BATCH, last))
            batch = [history(number, of, now, shape) for number in numbers]
            batch += [_worker(number, of, now) for number in numbers if number % JOBS_A_LIFE == 0]
            ground.log.append(batch)
            written += sum(len(one.events) for one in batch)
    return written


def history(number: int, of: int, now: datetime, shape: Shape) -> Append:
    """Return all that has happened to a job: the same for the same number."""
    chance = random.Random(number)
    fate = chance.random()
    asked = _asked(number, chance, shape)
    fresh = str(UUID(int=(0x0199 << 112) | (7 << 76) | (2 << 62) | number))
    stream = stream_of("job", spec.request(asked, Defaults()).job_id(fresh))
    return _sealed(stream, _life(number, asked, fate, chance, created=now - SPAN * (1 - number / of), now=now), now)


def _worker(number: int, of: int, now: datetime) -> Append:
    """Return the life of a worker that was: most left, some were lost with a job."""
    start, name = now - SPAN * (1 - number / of), f"then:{number:012x}"
    began = WorkerStarted(name="then", host="then", pid=1234, concurrency=4)
    is_lost = number % (10 * JOBS_A_LIFE) == 0
    ended = WorkerLost(seen_dead=True, renewed_at=start, held=(f"then-{number}",)) if is_lost else WorkerLeft()
    life = ((start, began), (min(now, start + timedelta(hours=2)), ended))
    return _sealed(stream_of(CATEGORY, name), life, now)


def _sealed(stream: str, life: Iterable[tuple[datetime, Event]], now: datetime) -> Append:
    sealed: list[Sealed] = []
    head = EMPTY
    for at, event in life:
        (one,) = seal(stream, head, [event], actor="bench/host", now=at)
        sealed.append(_taken(one, min(at, now)))
        head = one.recorded.head
    return Append(tuple(sealed))


def _taken(one: Sealed, at: datetime) -> Sealed:
    """Return an event as the log would have it that took it at `at`: the server keeps a `ts` that is not zero."""
    # No two events of a stream are stamped the same.
    ts = struct.pack("<II", at.microsecond * 1000 + one.recorded.version, int(at.timestamp()))
    return Sealed(one.recorded, one.raw[: -TS_AT - len(ts)] + ts + one.raw[-TS_AT:])


def _asked(number: int, chance: random.Random, shape: Shape) -> dict[str, Any]:
    """Return what is asked for: a twentieth with a key, a tenth in groups, a tenth a task, a tenth with two tags."""
    kept = {
        "queue": f"queue-{chance.randrange(shape.queues)}",
        "priority": chance.choice((0, 0, 0, 10)),
        "tags": [f"tag-{chance.randrange(shape.tags)}", *(["slow"] if number % 10 == 3 else [])],
        "meta": {"customer": f"customer-{number % 100}"},
        "key": f"order-{number}" if number % 20 == 7 else None,
        "group": f"batch-{number // 1000}" if number % 10 == 1 else None,
    }
    if number % 10 == 5:
        return {**kept, "task": "shop.send", "args": [number]}
    return {**kept, "command": f"./work --item {number}", "cwd": "/srv/shop"}


def _life(
    number: int, asked: dict[str, Any], fate: float, chance: random.Random, *, created: datetime, now: datetime
) -> Iterator[tuple[datetime, Event]]:
    if fate < 0.025:  # delayed
        asked["run_at"] = now + timedelta(seconds=chance.randrange(1, 30 * 86_400))
    yield created, spec.request(asked, Defaults()).enqueued(created)
    if number % 50 == 9:  # its priority is changed while it waits
        was, then = Terms(priority=asked["priority"]), Terms(priority=asked["priority"] + 1)
        yield created + timedelta(milliseconds=2), Amended(was=was, now=then)
    if fate < 0.05:  # pending
        return
    at = created + timedelta(milliseconds=chance.randrange(5, 60_000))
    if fate < 0.055:
        yield at, Cancelled(why="no longer needed")
        return
    attempts = 4 if fate < 0.095 else 1  # 4 % die
    if 0.095 <= fate < 0.1:  # failed, its retry to come
        yield at, _claimed(number, 1)
        yield at, _failed(chance, retry_at=now + timedelta(hours=1))
        return
    for attempt in range(1, attempts + 1):
        yield at, _claimed(number, attempt)
        at += timedelta(milliseconds=chance.randrange(5, 5000))
        if fate >= 0.1:
            yield at, Completed(exit_code=0, duration=0.012, output=OUTPUT)
        elif attempt == attempts:
            yield at, _failed(chance, retry_at=None)
            yield at, DeadLettered(reason="all retries are used up")
        else:
            retry_at = at + timedelta(seconds=2**attempt)
            yield at, _failed(chance, retry_at=retry_at)
            at = retry_at
            yield at, Retried(cause=RetryCause.BACKOFF)


def _claimed(number: int, attempt: int) -> Claimed:
    return Claimed(worker=f"host:{number % 4:012x}", host="host", pid=1234, attempt=attempt)


def _failed(chance: random.Random, retry_at: datetime | None) -> Failed:
    error = Error(type="exit-code", message=f"exit code 1: {chance.choice(ERRORS)}")
    return Failed(reason=FailReason.ERROR, error=error, exit_code=1, retry_at=retry_at)
