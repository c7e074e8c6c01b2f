"""A job's life as phases, one after the other without a gap: what it waited for, and when it ran. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from eventqueue.model.events import (
    Amended,
    Cancelled,
    Claimed,
    Completed,
    DeadLettered,
    Enqueued,
    Event,
    Failed,
    Recorded,
    Released,
    Retried,
    RetryAmended,
)


class Kind(StrEnum):
    """What a job does in a phase."""

    LATER = "later"  # it waits for its time
    WAITING = "waiting"  # it is due, and waits for a worker
    RUNNING = "running"
    BACKOFF = "backoff"  # an attempt failed, and it waits for its retry's time
    ENDED = "ended"  # until somebody brought it back


class Phase(msgspec.Struct, frozen=True):
    """From when to when; `since`: the event that led to it, `until`: the one that ended it, None where time does."""

    kind: Kind
    begin: datetime
    end: datetime
    since: Recorded
    until: Recorded | None

    @property
    def lasts(self) -> timedelta:
        """How long it was, or is by now."""
        return self.end - self.begin


class _Stand(msgspec.Struct, frozen=True):
    """What a job does from an event on, and until when, if time ends that."""

    kind: Kind
    due_at: datetime | None = None


def phases(history: Sequence[Recorded], now: datetime) -> list[Phase]:
    """Return the phases of the life that a history tells of, up to `now`, or to the end of a job that has ended.

    Together they are all of it, and none of them overlap. The history may begin amid a job's life. An attempt is a
    phase however short it was; of all others those that took no time are left out.
    """
    found: list[Phase] = []
    stand = _Stand(Kind.WAITING)
    for one, after in zip(history, [*history[1:], None], strict=False):
        stand = _next(stand, one)
        if after is not None:
            found += _parts(stand, one, max(one.at, after.at), after)
        elif stand.kind is not Kind.ENDED:
            found += _parts(stand, one, max(one.at, now), None)
    return found


def _parts(stand: _Stand, since: Recorded, end: datetime, until: Recorded | None) -> Iterator[Phase]:
    turn = end if stand.due_at is None else min(max(since.at, stand.due_at), end)
    if turn > since.at or stand.kind is Kind.RUNNING:
        yield Phase(stand.kind, since.at, turn, since, until if turn == end else None)
    if turn < end:
        yield Phase(Kind.WAITING, turn, end, since, until)


def _next(stand: _Stand, one: Recorded) -> _Stand:
    event: Event = one.event
    match event:
        case Claimed():
            return _Stand(Kind.RUNNING)
        case Enqueued(run_at=due) | Released(due_at=due):
            return _Stand(Kind.LATER, due)
        case Retried(due_at=due):
            return _Stand(Kind.LATER, due or one.at)
        case Failed(retry_at=datetime() as due):
            return _Stand(Kind.BACKOFF, due)
        case Failed() | Completed() | DeadLettered() | Cancelled():
            return _Stand(Kind.ENDED)
        case Amended(now=terms) | RetryAmended(now=terms):
            kind = Kind.LATER if isinstance(event, Amended) else Kind.BACKOFF
            return _Stand(kind, terms.due_at or stand.due_at or one.at)
        case _:
            return stand
