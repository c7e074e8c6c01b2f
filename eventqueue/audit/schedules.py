"""What happens to a schedule, held against what can be decided of one. Pure.

Whether its zone is one, and whether there can be a job of its fields, depends on who asks, and is held against nothing.
"""

from collections.abc import Iterator
from datetime import UTC

from msgspec.structs import replace

from eventqueue.errors import InvalidInput, LogCorrupt, ScheduleNotFound
from eventqueue.model.events import Recorded, name_in, type_of
from eventqueue.schedules import rule
from eventqueue.schedules.asked import check_together
from eventqueue.schedules.events import (
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleSet,
    ScheduleTriggered,
    SkipReason,
    TickSkipped,
)
from eventqueue.schedules.missed import LATE
from eventqueue.schedules.schedule import (
    Command,
    PauseSchedule,
    RemoveSchedule,
    ResumeSchedule,
    Schedule,
    decide,
    defined,
    evolve,
    is_earlier,
)
from eventqueue.schedules.ticks import check_schedule, job_id


class Following:
    """Follows the stream of one schedule, event after event."""

    def __init__(self, stream: str) -> None:
        self._now = Schedule(name=name_in(stream))
        self._is_lost = False  # behind what cannot be read

    def pass_over(self, problem: str) -> None:
        """Go on behind an event that cannot be read: whatever follows may have been right."""
        self._now = replace(self._now, problem=problem)
        self._is_lost = True

    def faults(self, recorded: Recorded) -> Iterator[str]:
        """Yield what is wrong with the next event, each as a sentence."""
        before = self._now
        try:
            self._now = evolve(before, recorded)
        except LogCorrupt as error:  # none of a schedule's, of which somebody else tells
            self.pass_over(str(error))
            return
        if before.head.version == 0 and not self._is_lost:
            yield from _misnamed(before.name)
        if not self._is_lost and not _is_legal(before, recorded):
            yield f"`{type_of(recorded.event)}` is not legal for a schedule that is {_standing(before)}"
        yield from _odd(before, recorded)


def _misnamed(name: str) -> Iterator[str]:
    try:
        check_schedule(name)
    except InvalidInput as error:
        yield f"it is the stream of no schedule: its {error.field} {error.problem}"


def _is_legal(before: Schedule, recorded: Recorded) -> bool:
    command: Command
    match recorded.event:
        case SchedulePaused():
            command = PauseSchedule()
        case ScheduleResumed():
            command = ResumeSchedule()
        case ScheduleRemoved():
            command = RemoveSchedule()
        case TickSkipped():
            return before.is_active
        case ScheduleTriggered():  # it may have been removed meanwhile
            return before.head.version > 0
        case _:
            return True
    try:
        return bool(decide(before, command))
    except ScheduleNotFound:
        return False


def _standing(schedule: Schedule) -> str:
    if schedule.definition is None:
        return "not there"
    return "active" if schedule.is_active else "paused"


def _odd(before: Schedule, recorded: Recorded) -> Iterator[str]:
    match recorded.event:
        case ScheduleSet() as event:
            yield from _undefined(event)
        case TickSkipped() as event:
            yield from _unlikely(before, recorded, event)
        case ScheduleTriggered(job=job) if not job.startswith(f"{before.name}:"):
            yield f"it names job {job}, which is called as none of the schedule's"


def _undefined(event: ScheduleSet) -> Iterator[str]:
    definition = defined(event)
    try:
        check_together(definition)
        if definition.cron is not None:
            rule.cron(definition.cron, UTC)
        if definition.every is not None:
            rule.span_of(definition.every)
    except InvalidInput as error:
        yield f"its `{error.field}` {error.problem}"


def _unlikely(before: Schedule, recorded: Recorded, event: TickSkipped) -> Iterator[str]:
    if event.number < 1:
        yield f"it tells of {event.number} ticks"
    if event.first > event.last:
        yield "the first tick that it tells of is behind the last"
    if event.last > recorded.at + LATE:
        yield "it tells of a tick that had not come"
    if event.reason is SkipReason.OVERLAP and not is_earlier(before, event.job, event.first):
        yield "it names no job of an earlier tick, which had not ended"
    if event.reason is SkipReason.TAKEN and event.job != job_id(before.name, event.last):
        yield "it names no job with the id of its tick's"
