"""What happens to schedules: the events of `schedule-<name>`.

Nothing is told here of a tick that became a job: the job tells it, by its id (see `ticks.py`).
"""

from datetime import datetime
from enum import StrEnum
from typing import Any

from eventqueue.model.events import Event, register

CATEGORY = "schedule"


class Missed(StrEnum):
    """What becomes of ticks that nobody was there to make at their time."""

    SKIP = "skip"  # no jobs
    ONCE = "once"  # one job, of the last of them
    ALL = "all"  # a job each


class Overlap(StrEnum):
    """What becomes of a tick while the job of the one before has not ended."""

    ALLOW = "allow"  # a job, beside it
    SKIP = "skip"  # no job


class SkipReason(StrEnum):
    """Why there is no job of a tick."""

    MISSED = "missed"  # nobody was there to make it
    OVERLAP = "overlap"  # the job of an earlier tick had not ended
    TAKEN = "taken"  # a job was called as its job would have been, which somebody else had made


class ScheduleSet(Event, frozen=True, kw_only=True, tag="schedule-set"):
    """From now on there is a job of these fields at each tick, of `cron` by the clocks of zone `tz` or of `every`.

    `every` in seconds, counted from 1970 in UTC, so that all who look mean the same ticks; one of the two is there.
    """

    fields: dict[str, Any]  # as they were asked for, and `cwd` as it was there
    missed: Missed
    overlap: Overlap
    cron: str | None = None
    tz: str | None = None
    every: float | None = None
    why: str | None = None


class SchedulePaused(Event, frozen=True, kw_only=True, tag="schedule-paused"):
    """No tick becomes a job from now on."""

    why: str | None = None


class ScheduleResumed(Event, frozen=True, kw_only=True, tag="schedule-resumed"):
    """Ticks that come from now on become jobs again; those of the time between were not missed."""

    why: str | None = None


class ScheduleRemoved(Event, frozen=True, kw_only=True, tag="schedule-removed"):
    """There is no such schedule from now on."""

    why: str | None = None


class ScheduleTriggered(Event, frozen=True, kw_only=True, tag="schedule-triggered"):
    """Somebody had a job made at once, beside all ticks."""

    job: str
    why: str | None = None


class TickSkipped(Event, frozen=True, kw_only=True, tag="tick-skipped"):
    """There are no jobs of the ticks from `first` to `last`, so many as `number`, or more where that `is_least`.

    `overlap`: since `job` had not ended; so it is with the ticks that follow until it does, of which nothing is told.
    `taken`: `job` has the id of the one tick's job, and is none.
    """

    reason: SkipReason
    first: datetime
    last: datetime
    number: int
    is_least: bool = False
    job: str | None = None


ScheduleEvent = ScheduleSet | SchedulePaused | ScheduleResumed | ScheduleRemoved | ScheduleTriggered | TickSkipped

register(CATEGORY, ScheduleSet, SchedulePaused, ScheduleResumed, ScheduleRemoved, ScheduleTriggered, TickSkipped)
