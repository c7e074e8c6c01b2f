"""What people read from the views, as a protocol, and the values that come back.

A view that is behind says so: every answer comes with its lag, and unknown is not zero.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

import msgspec

from eventqueue.job import Job, State


class Lag(msgspec.Struct, frozen=True):
    """How far the views are behind the log: `seconds` is the age of the first event not applied; None: unknown."""

    seconds: float | None

    @property
    def is_fresh(self) -> bool:
        """Whether every event of the log was in the views when it was measured."""
        return self.seconds == 0


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs to list, newest first (by `updated_at` where `state` is failed or dead, else by `created_at`)."""

    state: State | None = None
    queue: str | None = None
    tag: str | None = None
    since: datetime | None = None
    error: str | None = None  # a part of the last error's message
    limit: int | None = 50


class Listing(msgspec.Struct, frozen=True):
    """Jobs from the view, and how far the view was behind when they were read."""

    jobs: Sequence[Job]
    lag: Lag


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """A live worker incarnation and the ids of the jobs that the view shows it running."""

    id: str
    name: str
    host: str
    pid: int
    queues: tuple[str, ...]
    concurrency: int
    started_at: datetime
    renewed_at: datetime
    running: tuple[str, ...] = ()


Counts = Mapping[State, int]


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of jobs by queue and state, the live workers, and the views' lag."""

    queues: Mapping[str, Counts]
    workers: Sequence[Worker]
    lag: Lag

    def count(self, state: State) -> int:
        """Return how many jobs of all queues are in `state`."""
        return sum(counts.get(state, 0) for counts in self.queues.values())


class Views(Protocol):
    """The views as people read them. Reads first wait for a projector that is on its way, or catch up themselves."""

    def refresh(self) -> Lag:
        """Bring the views to the end of the log if that can be had in seconds; return what lag remains."""
        ...

    def lag(self) -> Lag:
        """Return the lag as it is, waiting for nothing."""
        ...

    def list(self, filter_: Filter) -> Sequence[Job]:
        """Return the jobs that `filter_` lets through."""
        ...

    def counts(self) -> Mapping[str, Counts]:
        """Return the number of jobs by queue and state, from counters: no job is scanned."""
        ...

    def get(self, job_id: str) -> Job | None:
        """Return a job as the view has it, None if it has nothing of it. Raises JobParked if its view stands still."""
        ...

    def snapshot(self) -> Mapping[str, Any]:
        """Return what an operator wants to know of the projector: holder, generation, events applied, what is amiss."""
        ...
