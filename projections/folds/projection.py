"""What a projection is: a name, a version, and a pure function from an event to increments.

The runtime owns all I/O and gives the job before and after the event, since a `completed` event alone knows neither
its queue nor its meta.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from eventqueue.model.events import Recorded
from eventqueue.model.job import Job
from projections.folds import jobs

Key = tuple[str | int, ...]
"""What a counter is counted under, such as ("state", "default"); the first part names the kind of counter."""

Increments = dict[str, int]
"""Counter name -> what to add to it; names hold neither `.` nor `$`."""

Tally = dict[Key, Increments]

Counters = dict[Key, dict[str, int]]
"""Counters that are added up: under each key, by name."""


def no_counters() -> Counters:
    """Return counters to add to, each of which begins at 0."""
    return defaultdict(lambda: defaultdict(int))


def add(counters: Counters, tally: Mapping[Key, Mapping[str, int]]) -> None:
    """Add what is counted to counters that began as `no_counters`."""
    for key, increments in tally.items():
        counts = counters[key]
        for name, amount in increments.items():
            counts[name] += amount


class Projection(Protocol):
    """A view made of counters. Raise `version` when the same events should count differently: it is then rebuilt."""

    name: str
    version: int

    def tally(self, before: Job | None, after: Job, recorded: Recorded) -> Tally:
        """Return what this event adds to the counters; pure, so that a rebuild counts the same again.

        For an event of a job, `before` and `after` are the job around it. For one that belongs to a job but does
        not change it (a late result), both are the job as it stands.
        """
        ...


@runtime_checkable
class Ageing(Protocol):
    """A projection whose old counters are merged, so that its view stays small."""

    def aged(self, key: Key, now: datetime) -> Key:
        """Return the key under which a counter is kept at `now`: its own, or the coarser one that it is merged into.

        Pure, and never finer again: what is merged at one time stays merged at any later one.
        """
        ...

    def old(self, now: datetime) -> Sequence[tuple[Key, Key]]:
        """Return the ranges of keys, each from one up to another, in which the counters are that are merged at `now`.

        All in these and none outside: who merges reads what is old, and not all there is.
        """
        ...


@runtime_checkable
class Telling(Protocol):
    """A projection some of whose keys say little to people, as numbers that stand for times do."""

    def told(self, key: Key) -> Key:
        """Return the key as people are told it; pure."""
        ...


def told(one: Projection, key: Key) -> str:
    """Return a key as people are told it, its parts with `/` between."""
    return "/".join(map(str, one.told(key) if isinstance(one, Telling) else key))


def aged(one: Projection, key: Key, now: datetime) -> Key:
    """Return the key under which a counter of `one` is kept at `now`."""
    return one.aged(key, now) if isinstance(one, Ageing) else key


def versions(projections: Iterable[Projection]) -> dict[str, int]:
    """Return the set that a generation is of, with the `jobs` view, which all have: name -> version."""
    return {jobs.NAME: jobs.VERSION, **{one.name: one.version for one in projections}}


def unlike(live: Mapping[str, int], mine: Mapping[str, int]) -> tuple[str, str]:
    """Return what there is to say where the live views are of other projections than a process has, and what to do."""
    problem = f"the live views are of {_told(live)}, this process has {_told(mine)}"
    return problem, f"use one that has the same, or run `{rebuilding(live, mine)}`"


def rebuilding(live: Mapping[str, int], mine: Mapping[str, int]) -> str:
    """Return the command that builds the views with what this process has."""
    return " ".join(["queuectl projections rebuild", *(f"--without {name}" for name in live if name not in mine)])


def _told(projections: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {version}" for name, version in projections.items())
