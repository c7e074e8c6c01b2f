"""What the write side asks of the views, as protocols: candidates to claim, and signals to follow and to give.

What a view shows may be out of date in any way: it proposes, the log decides.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec
from bson.timestamp import Timestamp

from eventqueue.model.job import Job

JobAt = tuple[str, int]
"""A job's id, and the version at which something is said of it."""


class Ready(msgspec.Struct, frozen=True):
    """Jobs of `queue` became ready: the highest priority among them, the earliest `due_at`, and which they are."""

    queue: str | None  # None: of many queues
    priority: int
    due_at: datetime
    jobs: tuple[JobAt, ...] | None = None  # None: they are many


class StopAsked(msgspec.Struct, frozen=True):
    """Incarnation `worker` is to stop: what it runs may finish until `by`, on the database's clock."""

    worker: str
    by: datetime


class Watched(msgspec.Struct, frozen=True):
    """Somebody looks at what the attempt of a job's claim writes, which incarnation `worker` runs."""

    worker: str
    job: str
    claim: int


class Signal(msgspec.Struct, frozen=True):
    """What somebody may be waiting for: what a batch changed in the views of a generation, or what a person wants.

    The jobs it names may come before the views show them: the log has them.
    """

    generation: int | None = None  # None: it is not about the views
    ready: tuple[Ready, ...] = ()
    cancelled: tuple[str, ...] = ()  # ids of jobs; a hint, so a long list may be cut
    stopping: tuple[StopAsked, ...] = ()
    switched: tuple[str, ...] = ()  # queues that were paused or resumed
    watched: tuple[Watched, ...] = ()
    scheduled: tuple[str, ...] = ()  # schedules to which something was done


class SignalFeed(Protocol):
    """Where signals come from, and where they are given."""

    def publish(self, signal: Signal) -> None:
        """Tell all who listen; a failure is logged and otherwise as if the signal were lost."""
        ...

    def follow(self, await_s: float | None = None) -> Iterator[Signal | None]:
        """Yield each signal published from now on, and None when there is none: about once a second, or in `await_s`.

        Raises Unavailable, and may end at any time: call it again, and look at the view meanwhile.
        """
        ...


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A job to claim, and the place where it was found: one that comes back after a claim is in another place then."""

    job: Job
    place: str


class Share(msgspec.Struct, frozen=True):
    """The ready jobs that somebody may claim: those of a queue in some buckets; or, with None, of all queues.

    `others`: the queues of which it is other buckets, with these; where there are none, it is no job of that queue.
    """

    queue: str | None
    buckets: Collection[int]
    others: Mapping[str, Collection[int]] = {}


Known = Callable[[str, str], bool]
"""Whether the job of this id need not be shown in this place."""


class Candidates(Protocol):
    """An open cursor over ready jobs, share after share, each in claim order: by priority, then by due time."""

    def take(self, limit: int, is_known: Known) -> list[Candidate]:
        """Return up to `limit` further jobs that are not known; fewer only where the cursor is at its end."""
        ...

    def close(self) -> None:
        """Give the cursor back."""
        ...


class JobFinder(Protocol):
    """The `jobs` view as a worker reads it. Every method raises Unavailable when the database does not answer."""

    def follow(self, generation: int) -> None:
        """Read this generation from now on, as a signal tells."""
        ...

    def vouch(self) -> datetime:
        """Return up to when, on the database's clock, the views show everything.

        Raises Unavailable where they show what the log does not hold, as after a backup was restored.

        A claim upon such a view would leave a hole in the log, which nothing refuses.
        """
        ...

    def end(self) -> Timestamp:
        """Return where the log ends by now."""
        ...

    def shows(self, end: Timestamp) -> bool:
        """Whether the views have come to what was the end of the log."""
        ...

    def candidates(self, shares: Sequence[Share], batch: int) -> Candidates:
        """Open a cursor over ready jobs, strictly in the order of `shares`."""
        ...

    def heads(self, shares: Sequence[Share], limit: int) -> list[Job]:
        """Return the first `limit` ready jobs of the shares' queues over all buckets, strictly in their order."""
        ...

    def held_by(self, workers: Collection[str]) -> dict[str, list[Job]]:
        """Return the jobs that the view shows as claimed by each of these incarnations."""
        ...

    def holders(self) -> set[str]:
        """Return the incarnations that the view shows as holding a claim."""
        ...

    def get(self, ids: Collection[str]) -> dict[str, Job]:
        """Return the jobs with these ids that the view has."""
        ...

    def unburied_failures(self) -> list[Job]:
        """Return jobs that failed for good but have no `dead-lettered` event yet."""
        ...
