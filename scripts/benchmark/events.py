"""The events of a run, sealed beforehand: three a job, as workers with a backlog and some slots write them."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from eventqueue.model import spec
from eventqueue.model.codec import seal
from eventqueue.model.events import EMPTY, Captured, Claimed, Completed, Event, Head, Output
from eventqueue.model.spec import Defaults
from eventqueue.ports.log import Append

BATCH = 500  # events in one append
BACKLOG = 10_000  # jobs that lie between a job's being enqueued and its claim
RUNNING = 200  # jobs that lie between its claim and its settling: so many slots are at work
WORKERS = 2


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """What the jobs are like."""

    command: str | None = "echo hello world"
    task: str | None = None  # what they call, where they have no command
    cwd: str = "/srv/shop"
    queue: str = "default"
    queues: int = 1  # over so many queues of such a name they are spread
    output: Output | None = Output(stdout=Captured(text="hello world\n", length=12, sha256=bytes(32)))


ECHO = Kind()
NO_OP = Kind(output=None)


def asked(number: int, kind: Kind) -> dict[str, Any]:
    """Return what is asked for to enqueue a job."""
    meta = {"customer": f"customer-{number % 100}"}
    queue = kind.queue if kind.queues == 1 else f"{kind.queue}-{number % kind.queues}"
    run = {"task": kind.task} if kind.command is None else {"command": kind.command, "cwd": kind.cwd}
    return {**run, "queue": queue, "tags": ["bench"], "meta": meta}


def birth(number: int, now: datetime, kind: Kind = ECHO) -> Append:
    """Return the first event of a job."""
    job_id = str(UUID(int=(0x0199 << 112) | (7 << 76) | (2 << 62) | number))
    return _sealed(f"job-{job_id}", EMPTY, spec.request(asked(number, kind), Defaults()).enqueued(now), now)


def life(number: int, now: datetime, kind: Kind = ECHO) -> list[Append]:
    """Return one job's three events, each an append of its own."""
    appends = [birth(number, now, kind)]
    events: Sequence[Event] = (
        Claimed(worker=f"host:{number % WORKERS:012x}", host="host", pid=1234, attempt=1),
        Completed(exit_code=0, duration=0.012, output=kind.output),
    )
    for event in events:
        appends.append(_sealed(appends[0].stream, appends[-1].head, event, now))
    return appends


def _sealed(stream: str, head: Head, event: Event, now: datetime) -> Append:
    return Append(seal(stream, head, [event], actor="bench/host", now=now))


def mix(jobs: int, now: datetime, first: int = 0) -> list[list[Append]]:
    """Return appends of BATCH events for `jobs` jobs from number `first` on, as they lie in the log of a busy system.

    A job waits behind a backlog, then runs beside some others. So its `enqueued` is far from its `claimed`, and no fold
    of a batch can make one write of the two; `claimed` and `completed` are as near as short jobs have them.
    """
    lives = [life(first + number, now) for number in range(jobs)]
    backlog, running = min(BACKLOG, jobs), min(RUNNING, jobs)
    order: list[Append] = []
    for number in range(jobs + backlog + running):
        for step, behind in enumerate((0, backlog, backlog + running)):
            if 0 <= number - behind < jobs:
                order.append(lives[number - behind][step])
    return _batches(order)


def births(first: int, last: int, now: datetime, kind: Kind = ECHO) -> Iterator[list[Append]]:
    """Yield appends that enqueue the jobs numbered `first` to `last`."""
    for start in range(first, last, BATCH):
        yield [birth(number, now, kind) for number in range(start, min(start + BATCH, last))]


def whole_lives(first: int, last: int, now: datetime, kind: Kind = ECHO) -> Iterator[list[Append]]:
    """Yield appends for the jobs numbered `first` to `last`, wave after wave: for a log that is only to be there."""
    for start in range(first, last, BATCH):
        lives = [life(number, now, kind) for number in range(start, min(start + BATCH, last))]
        yield from ([one[step] for one in lives] for step in range(3))


def _batches(order: Sequence[Append]) -> list[list[Append]]:
    """Cut into batches in which no stream stands twice, as the log asks for."""
    batches: list[list[Append]] = []
    batch: list[Append] = []
    streams: set[str] = set()
    for one in order:
        if len(batch) == BATCH or one.stream in streams:
            batches.append(batch)
            batch, streams = [], set()
        batch.append(one)
        streams.add(one.stream)
    return [*batches, batch]
