"""Failures, those that are alike as one group: how many, when, where, and one of them. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from eventqueue.model.figures import shortened
from eventqueue.model.fingerprint import fingerprint
from eventqueue.model.ignoring import NOTHING, IgnoredKind, Ignoring, Known
from eventqueue.ports.views import Failure

GROUPS_MAX = 10_000  # that are told apart: no more is kept of failures that are each of its own kind
QUEUES_MAX = 20  # of a group that are named
MESSAGE_MAX = 500  # characters


class Example(msgspec.Struct, frozen=True):
    """The last failure of a group: the job, and its message."""

    job: str
    message: str


class ErrorGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Failures with one fingerprint; `queues`: QUEUES_MAX of them at most; `ignored`: somebody lets them be."""

    fingerprint: str
    count: int
    first: datetime
    last: datetime
    queues: Sequence[str]
    example: Example
    ignored: Ignoring | None = None


class Errors(msgspec.Struct, frozen=True, kw_only=True):
    """The groups, the largest first, of so many failures; `ungrouped` of these are in none: there are too many.

    `absent`: what is ignored, too, and of which there is no failure among these, the newest first. `problems`: what
    could not be read of what is ignored, each a sentence.
    """

    groups: Sequence[ErrorGroup]
    failures: int
    ungrouped: int
    absent: Sequence[IgnoredKind] = ()
    problems: Sequence[str] = ()


class _Group:
    """A group that grows."""

    def __init__(self, failure: Failure) -> None:
        self.count = 0
        self.first = failure.at
        self.last = failure
        self.queues: set[str] = set()

    def add(self, failure: Failure) -> None:
        self.count += 1
        self.first = min(self.first, failure.at)
        self.last = max(self.last, failure, key=lambda one: one.at)
        if len(self.queues) < QUEUES_MAX:
            self.queues.add(failure.queue)

    def done(self, of: str, ignored: Ignoring | None) -> ErrorGroup:
        return ErrorGroup(
            fingerprint=of,
            count=self.count,
            first=self.first,
            last=self.last.at,
            queues=sorted(self.queues),
            example=Example(self.last.job, shortened(self.last.message, MESSAGE_MAX)),
            ignored=ignored,
        )


def group(failures: Iterable[Failure], known: Known = NOTHING) -> Errors:
    """Return the groups of some failures, however many these are."""
    groups: dict[str, _Group] = {}
    ungrouped = 0
    for failure in failures:
        of = fingerprint(failure.message)
        if (alike := groups.get(of)) is None:
            if len(groups) >= GROUPS_MAX:
                ungrouped += 1
                continue
            alike = groups[of] = _Group(failure)
        alike.add(failure)
    found = sorted(
        (one.done(of, _of(known, of)) for of, one in groups.items()),
        key=lambda one: (one.count, one.last),
        reverse=True,
    )
    return Errors(
        groups=found,
        failures=ungrouped + sum(one.count for one in found),
        ungrouped=ungrouped,
        absent=newest(one for of, one in known.kinds.items() if of not in groups),
        problems=known.problems,
    )


def newest(kinds: Iterable[IgnoredKind]) -> Sequence[IgnoredKind]:
    """Return kinds that are ignored, the newest first."""
    return sorted(kinds, key=lambda one: one.ignored.since, reverse=True)


def _of(known: Known, fingerprint: str) -> Ignoring | None:
    kind = known.kinds.get(fingerprint)
    return None if kind is None else kind.ignored
