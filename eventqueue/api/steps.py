"""What whoever waits for jobs does next, without doing it: a generator, which threads and asyncio each carry out.

So there is one way of waiting, and two short loops around it.
"""

import time
from collections.abc import Collection, Generator, Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple

from eventqueue.errors import Unavailable, WaitTimeout
from eventqueue.model.job import FINAL, Job

LOOK_S = 1.5  # for the database to answer, at least, however soon to give up; and the longest rest
QUICK_S = 0.01  # a look that takes longer is followed by a rest of the same length
AGAIN_S = 0.2  # until a database that did not answer is asked again
PORTION = 500  # jobs that are looked at at once


class Look(NamedTuple):
    """Look at these jobs, last seen at these versions; the reply: those that have gone on, or Unavailable.

    `are_told`: that they have gone on is known already.
    """

    versions: Mapping[str, int]
    are_told: bool
    give_up: float


class Hear(NamedTuple):
    """Wait for news, so long at most; the reply is what `Hearing.wait` returns."""

    seconds: float


class Rest(NamedTuple):
    """Wait so long."""

    seconds: float


Steps = Generator[Look | Hear | Rest | Job, Any, None]
"""What to do next; of a job, that it has ended."""


def steps(job_ids: Iterable[str], timeout: float | None) -> Steps:
    """Yield what to do until each of the jobs has ended. Raises WaitTimeout.

    To be begun once one hears of what ends: what does so before the first look is not missed then.
    """
    give_up = end_of(timeout)
    versions = dict.fromkeys(job_ids, 0)  # at which each of the others was seen
    told: Collection[str] | None = None  # None: not known, so all of them
    while True:
        began = time.monotonic()
        trouble = yield from _look(versions, told, give_up)
        if not versions:
            return
        if time.monotonic() > give_up:
            job_id = next(iter(versions))
            reason = trouble or f" (`queuectl why {job_id}` tells how it stands)"
            raise too_late(timeout, f"job {job_id} to end", reason)
        if trouble:  # waited for like all else: an election ends in seconds
            yield Rest(AGAIN_S)
            told = None
        else:
            yield Rest(rest_s(began, give_up))
            told = yield Hear(give_up - time.monotonic())


def next_of(way: Steps, reply: Any) -> Look | Hear | Rest | Job | None:
    """Return the next step after a reply to the one before it, None after the last. Raises WaitTimeout."""
    try:
        return way.send(reply)
    except StopIteration:
        return None


def _look(
    versions: dict[str, int], told: Collection[str] | None, give_up: float
) -> Generator[Look | Hear | Rest | Job, Any, str]:
    """Have those looked at that may have ended, and take out those that have; return what the trouble is, if any."""
    left = iter([job_id for job_id in (versions if told is None else told) if job_id in versions])
    while some := list(islice(left, PORTION)):
        found = yield Look({job_id: versions[job_id] for job_id in some}, told is not None, give_up)
        if isinstance(found, Unavailable):
            return f" ({found})"
        for job_id, job in found.items():
            versions[job_id] = job.version
            if job.state in FINAL:
                del versions[job_id]
                yield job
        if time.monotonic() > give_up:
            break
    return ""


def end_of(timeout: float | None) -> float:
    """Return when a wait ends that begins now."""
    return float("inf") if timeout is None else time.monotonic() + timeout


def rest_s(began: float, give_up: float) -> float:
    """Return how long to rest after a look: very many jobs take a while, and news may come without a pause."""
    now = time.monotonic()
    return max(0.0, min(now - began - QUICK_S, LOOK_S, give_up - now))


def too_late(timeout: float | None, what: str, trouble: str) -> WaitTimeout:
    """Return the error of a wait that has taken too long."""
    return WaitTimeout(f"Waited {timeout:g} s for {what}: it may still come{trouble}.")
