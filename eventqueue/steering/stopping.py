"""Asking workers to stop, from anywhere, and watching them leave.

The request is written into each worker's own document; the signal that follows only makes it obey sooner.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

import msgspec
from msgspec.structs import replace

from eventqueue.errors import AmbiguousId, InvalidInput, LogUnavailable, Unavailable, WorkerNotFound
from eventqueue.model.lives import WorkerStopAsked
from eventqueue.model.names import meant
from eventqueue.model.retry import LONGEST_S
from eventqueue.mongo.clock import DatabaseClock
from eventqueue.mongo.incarnations import Incarnations
from eventqueue.ports.finder import Signal, SignalFeed, StopAsked
from eventqueue.ports.log import EventLog
from eventqueue.ports.views import Worker
from eventqueue.steering.chronicle import tell

LEAVE_S = 15.0  # beyond the grace: to hear of it at a heartbeat, to kill, to settle
LOOK_S = 0.1


class Left(msgspec.Struct, frozen=True):
    """A worker that was asked to stop is gone; `is_lost`: it died, or was silent for a lease, with what it held."""

    worker: Worker
    is_lost: bool


def named(names: Iterable[str], workers: Sequence[Worker]) -> Sequence[Worker]:
    """Return those of `workers` that are meant, each once: by id, by name, or by an unambiguous beginning of either.

    Raises WorkerNotFound or AmbiguousId.
    """
    found = (_named(name, workers) for name in names)
    return list({one.id: one for one in found}.values())


def given(names: Iterable[str], workers: Sequence[Worker]) -> Sequence[Worker]:
    """As `named`, by whole ids and names alone."""
    found = (_the_one(name, _called(name, workers), workers) for name in names)
    return list({one.id: one for one in found}.values())


def _named(name: str, workers: Sequence[Worker]) -> Worker:
    begun = [one for one in workers if name and (one.id.startswith(name) or one.name.startswith(name))]
    return _the_one(name, _called(name, workers) or begun, workers)


def _called(name: str, workers: Sequence[Worker]) -> Sequence[Worker]:
    return [one for one in workers if name in (one.id, one.name)]


def _the_one(name: str, found: Sequence[Worker], known: Sequence[Worker]) -> Worker:
    if not found:
        raise WorkerNotFound(name, meant(name, (called for one in known for called in (one.name, one.id))))
    if len(found) > 1:
        first, second = (f"{one.id} (worker {one.name})" for one in found[:2])
        raise AmbiguousId(name, first, second, "workers")
    return found[0]


class Stopping:
    """Stops workers that are known to `incarnations`."""

    def __init__(
        self, log: EventLog, incarnations: Incarnations, signals: SignalFeed, clock: DatabaseClock, actor: str
    ) -> None:
        self._log = log
        self._actor = actor
        self._incarnations = incarnations
        self._signals = signals
        self._clock = clock

    def ask(self, workers: Sequence[Worker], grace: float | None, why: str | None) -> Sequence[Worker]:
        """Ask `workers` to stop within `grace` seconds (None: those of each); return them, with by when.

        The log has it before any of them can obey. Raises InvalidInput for a grace that is out of range, LogUnavailable
        where the log does not say whether it has it: then none of them was told.
        """
        if grace is not None and not 0 <= grace <= LONGEST_S:
            raise InvalidInput("grace", f"must be between 0 and {LONGEST_S:,.0f} seconds")
        try:
            for one in workers:
                tell(self._log, self._clock, one.id, WorkerStopAsked(grace=grace, why=why), self._actor)
        except LogUnavailable as error:
            these = f"worker {workers[0].id} is" if len(workers) == 1 else f"{len(workers):,} workers are"
            remedy = "`queuectl worker list` tells, and to ask again is safe."
            raise error.about(f"{these} asked to stop", remedy) from error
        within = None if grace is None else timedelta(seconds=grace)
        self._incarnations.ask_to_stop([one.id for one in workers], within)
        found = self._incarnations.get([one.id for one in workers])
        by = {worker: one.stop_by for worker, one in found.items()}
        asked = tuple(StopAsked(worker, at) for worker, at in by.items() if at is not None)
        if asked:
            self._signals.publish(Signal(stopping=asked))
        return [replace(one, stop_by=by.get(one.id)) for one in workers]

    def leaving(self, workers: Sequence[Worker]) -> Iterator[Left]:
        """Yield each of `workers` once it is gone; ends when all are, or when the last should be."""
        there = {one.id: one for one in workers}
        give_up = max([self._clock.now(), *(one.stop_by for one in workers if one.stop_by is not None)])
        give_up += timedelta(seconds=LEAVE_S)
        while there:
            try:
                found = self._incarnations.get(there)
            except Unavailable:  # an election, perhaps: it is waited out
                if self._clock.now() > give_up:
                    raise
                time.sleep(LOOK_S)
                continue
            for worker in list(there):
                if worker not in found or not found[worker].is_live:
                    yield Left(there.pop(worker), is_lost=worker in found)
            if not there or self._clock.now() > give_up:
                return
            time.sleep(LOOK_S)
