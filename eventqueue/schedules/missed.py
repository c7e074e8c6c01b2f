"""Which of the ticks that are due become jobs, and what is told of the others. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from eventqueue.schedules.events import Missed, SkipReason, TickSkipped

MOST = 1000  # ticks that are looked back at, and jobs that are made of missed ones
LATE = timedelta(minutes=1)  # a tick that is made up for later was missed


class Chosen(msgspec.Struct, frozen=True):
    """The ticks to be made, and what is to be told of those that are not."""

    made: Sequence[datetime]
    skipped: TickSkipped | None = None


def choose(due: Sequence[datetime], missed: Missed, now: datetime) -> Chosen:
    """Choose among ticks that are due and not made; `due`: the last of them, in order, MOST + 1 where they are more.

    Of several the last alone comes at its time, if it is not too late for that, too.
    """
    match missed:
        case Missed.SKIP:
            made = due[-1:] if now - due[-1] <= LATE else due[:0]
        case Missed.ONCE:
            made = due[-1:]
        case Missed.ALL:
            made = due[-MOST:]
    others = due[: len(due) - len(made)]
    if not others:
        return Chosen(made)
    return Chosen(made, skipped(SkipReason.MISSED, others, is_least=len(due) > MOST))


def skipped(
    reason: SkipReason, ticks: Sequence[datetime], *, is_least: bool = False, job: str | None = None
) -> TickSkipped:
    """Return what is told of ticks that become no jobs."""
    return TickSkipped(reason=reason, first=ticks[0], last=ticks[-1], number=len(ticks), is_least=is_least, job=job)


def taken(tick: datetime, job: str) -> TickSkipped:
    """Return what is told of a tick of which the job's id, `job`, is that of another one."""
    return skipped(SkipReason.TAKEN, [tick], job=job)


def free(due: Sequence[datetime], ended_at: datetime | None) -> Sequence[datetime]:
    """Return those of the ticks at which the job of an earlier one had ended; None: it has not yet."""
    return [] if ended_at is None else [one for one in due if one >= ended_at]
