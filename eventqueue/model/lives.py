"""What happens to workers: the events of `worker-<incarnation>`, one stream a start of a worker process.

Nothing follows from them: leases, requests and burials are operational state. They say afterwards who was there, who
asked whom to leave and why, and what a worker held when it was lost.
"""

from collections.abc import Iterable
from datetime import datetime

from eventqueue.model.events import Event, Recorded, register

CATEGORY = "worker"


class WorkerStarted(Event, frozen=True, kw_only=True, tag="worker-started"):
    """A worker process is about to claim; no `queues`: all.

    In seconds, `grace`: what runs may take so long at its end; `lease`: so long after its last renewal it is silent.
    `by`: as whom it was started, which the worker that acts from then on is not.
    """

    name: str
    host: str
    pid: int
    concurrency: int
    queues: tuple[str, ...] = ()
    grace: float | None = None
    by: str | None = None
    lease: float | None = None


class WorkerStopAsked(Event, frozen=True, kw_only=True, tag="worker-stop-asked"):
    """Somebody asks it to leave; what it runs may finish within `grace` seconds, absent: those it was started with."""

    grace: float | None = None
    why: str | None = None


class WorkerLeft(Event, frozen=True, kw_only=True, tag="worker-left"):
    """It has left in order, holding nothing."""


class WorkerLost(Event, frozen=True, kw_only=True, tag="worker-lost"):
    """It was buried: seen dead by its like on the same machine, or silent for longer than its lease.

    `held`: the jobs that the views showed it running; each of them is failed with `worker-lost`.
    """

    seen_dead: bool = False
    renewed_at: datetime | None = None
    held: tuple[str, ...] = ()


WorkerEvent = WorkerStarted | WorkerStopAsked | WorkerLeft | WorkerLost

ENDS = frozenset({"worker-left", "worker-lost"})
"""Types of the events after which nothing more happens to a worker."""

register(CATEGORY, WorkerStarted, WorkerStopAsked, WorkerLeft, WorkerLost)


def renewed_last(history: Iterable[Recorded]) -> datetime | None:
    """Return when a worker that was lost had renewed its lease, None where the log tells of no such thing."""
    return next((one.event.renewed_at for one in history if isinstance(one.event, WorkerLost)), None)


def is_over(history: Iterable[Recorded]) -> bool:
    """Whether a worker has left, or is lost: nothing more happens to it."""
    return any(isinstance(one.event, WorkerLeft | WorkerLost) for one in history)
