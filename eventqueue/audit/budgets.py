"""A job's history in budgets of retries: each from its enqueueing, or a person's retry, until it was over. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum

import msgspec

from eventqueue.model.events import (
    Claimed,
    Completed,
    DeadLettered,
    Enqueued,
    Failed,
    Recorded,
    Retried,
    RetryCause,
    name_in,
)
from eventqueue.model.job import NO_RETRY


class End(StrEnum):
    """How a budget of retries ended."""

    DEAD = "dead"
    COMPLETED = "completed"
    OPEN = "open"  # it is not over yet, or somebody ended it


class FailedAttempt(msgspec.Struct, frozen=True):
    """A failed attempt, with the time it ended and the seconds that it ran."""

    version: int
    at: datetime
    seconds: float
    event: Failed


class Budget(msgspec.Struct, kw_only=True):
    """What a job did from being enqueued, or retried by a person, until it was over."""

    job: str
    enqueued: Enqueued
    failures: list[FailedAttempt] = []
    end: End = End.OPEN
    is_final: bool = False  # no retry would have mended the last failure
    completed_s: float = 0.0


def budgets(history: Iterable[Recorded]) -> Iterator[Budget]:
    """Yield the budgets of a job's history, in order."""
    budget: Budget | None = None
    began: datetime | None = None
    for one in history:
        match one.event:
            case Enqueued() as enqueued:
                budget = Budget(job=name_in(one.stream), enqueued=enqueued)
            case Retried(cause=RetryCause.OPERATOR) if budget is not None:
                yield budget
                budget = Budget(job=budget.job, enqueued=budget.enqueued)
            case Claimed():
                began = one.at
            case event if budget is not None:
                _go_on(budget, one, event, (one.at - (began or one.at)).total_seconds())
    if budget is not None:
        yield budget


def _go_on(budget: Budget, one: Recorded, event: object, ran_s: float) -> None:
    match event:
        case Failed():
            seconds = ran_s if event.duration is None else event.duration
            budget.failures = [*budget.failures, FailedAttempt(one.version, one.at, seconds, event)]
            budget.end = End.OPEN if event.retry_at else End.DEAD
        case DeadLettered(reason=reason):
            budget.end, budget.is_final = End.DEAD, reason == NO_RETRY
        case Completed():
            budget.end, budget.completed_s = End.COMPLETED, ran_s if event.duration is None else event.duration
