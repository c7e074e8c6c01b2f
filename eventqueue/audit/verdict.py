"""What an audit says in the end, and who can be asked for one."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from eventqueue.audit.rules import Finding
from eventqueue.model.events import CATEGORIES, category_of

FINDINGS_MAX = 10_000  # that are kept to be told: of a log that was spoilt as a whole there are millions


NO_VIEWS = frozenset({"events", "layout", "outputs"})
"""What findings are about beside streams and views."""
VIEWS = frozenset({"views", "checkpoints"})
"""What findings are about views as a whole."""


class Kind(StrEnum):
    """What a finding is about; the gravest first."""

    LOST = "lost"  # the log has less than it had
    SEALED = "sealed"  # a seal has it otherwise, or is not as it must be itself
    LOG = "log"  # events, the collection that they are in, and what is kept beside them
    VIEW = "view"
    COUNTER = "counter"  # of a view: one job that is missing is counted in many


def kind_of(one: Finding) -> Kind:
    """Return what a finding is about."""
    if one.is_sealed:
        return Kind.LOST if one.is_lost else Kind.SEALED
    if one.version == 0 and one.stream not in NO_VIEWS | VIEWS and category_of(one.stream) not in CATEGORIES:
        return Kind.COUNTER
    if one.is_lost:
        return Kind.LOST
    return Kind.LOG if one.version or one.stream in NO_VIEWS else Kind.VIEW


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What was held against what, and everything that is not as it must be.

    `more`: findings beyond those that are told. `not_held`: sentences that say what was not held against the log.
    `against`: what the log was held against from outside, in words. `unrecorded`: why that could not be remembered.
    """

    jobs: int
    events: int
    findings: Sequence[Finding]
    more: int = 0
    not_held: Sequence[str] = ()
    against: Sequence[str] = ()  # what it was held against beside its own rules
    unrecorded: str | None = None

    @property
    def is_of_views_alone(self) -> bool:
        """Whether all that was found would be mended by views that are built anew.

        Not where anything is wrong with the log, nor where it has less than a view: that view is all that is left. Nor
        where there is more than is told, of which that may be.
        """
        return not self.more and not any(
            one.is_lost or kind_of(one) in (Kind.SEALED, Kind.LOG) for one in self.findings
        )


class Account:
    """What an audit has come to so far."""

    def __init__(self) -> None:
        self.jobs = 0
        self.events = 0
        self._findings: list[Finding] = []
        self._more = 0
        self._not_held: list[str] = []

    def find(self, findings: Iterable[Finding]) -> None:
        """Take what was found, as much of it as is told."""
        for one in findings:
            if len(self._findings) < FINDINGS_MAX:
                self._findings.append(one)
            else:
                self._more += 1

    def pass_over(self, sentence: str) -> None:
        """Note what is not held against the log."""
        self._not_held.append(sentence)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found yet."""
        return not self._findings

    def verdict(self) -> Verdict:
        """Return what it has come to."""
        return Verdict(
            jobs=self.jobs,
            events=self.events,
            findings=tuple(self._findings),
            more=self._more,
            not_held=tuple(self._not_held),
        )


class Auditor(Protocol):
    """Audits a database: it reads, and writes nothing anywhere."""

    def job(self, job_id: str) -> Verdict:
        """Return the verdict over one job: its streams, what it wrote, and its views. Raises JobNotFound."""
        ...

    def since(self, moment: datetime, progress: Callable[[int], object] = lambda _: None) -> Verdict:
        """Return the verdict over each stream of which the log took an event since `moment`; see `all`."""
        ...

    def all(self, progress: Callable[[int], object] = lambda _: None) -> Verdict:
        """Return the verdict over everything; `progress` is told how many events were held against the rules so far.

        Raises Refused where there is no log.
        """
        ...
