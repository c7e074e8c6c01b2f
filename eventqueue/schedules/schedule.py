"""What a schedule is: `decide` and the fold of its stream, `schedule-<name>`. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_never

import msgspec
from msgspec.structs import replace

from eventqueue.errors import LogCorrupt, ScheduleNotFound
from eventqueue.model import readable
from eventqueue.model.events import EMPTY, Head, Recorded, name_in, type_of
from eventqueue.model.pause import Pause
from eventqueue.schedules.events import (
    Missed,
    Overlap,
    ScheduleEvent,
    SchedulePaused,
    ScheduleRemoved,
    ScheduleResumed,
    ScheduleSet,
    ScheduleTriggered,
    SkipReason,
    TickSkipped,
)
from eventqueue.schedules.ticks import stream_for, tick_of

IN_CODE = "it stands in the code"
"""Why a schedule was set that stands on a task: workers that import that set it anew when they start."""


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """What is made, and when: fields as in `ScheduleSet`."""

    fields: dict[str, Any]
    missed: Missed
    overlap: Overlap
    cron: str | None = None
    tz: str | None = None
    every: float | None = None


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule: the fold of its stream up to `head`; without a `definition` there is none, or none any more.

    Its ticks are those after `since`: when it was set, or resumed, or the last tick that is told of as missed. Events
    of its jobs name as their cause `set_id`, the event that defined it, which says `why`. `held_by`: the job of an
    earlier tick that was told of as the reason why ticks are skipped. `taken`: the job of somebody else that was in the
    place of the last tick's job that is told of. `problem`: why the last event says nothing, if it cannot be read.
    """

    name: str
    head: Head = EMPTY
    definition: Definition | None = None
    set_at: datetime | None = None
    set_by: str | None = None
    why: str | None = None
    set_id: bytes | None = None
    since: datetime | None = None
    pause: Pause | None = None
    held_by: str | None = None
    taken: str | None = None
    problem: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether its ticks become jobs."""
        return self.definition is not None and self.pause is None


class SetSchedule(msgspec.Struct, frozen=True):
    """Have jobs made by this definition, whatever was before."""

    definition: Definition
    why: str | None = None


class PauseSchedule(msgspec.Struct, frozen=True):
    """Have no job made at its ticks."""

    why: str | None = None


class ResumeSchedule(msgspec.Struct, frozen=True):
    """Have jobs made at its ticks again."""

    why: str | None = None


class RemoveSchedule(msgspec.Struct, frozen=True):
    """Have no such schedule."""

    why: str | None = None


class TellSkipped(msgspec.Struct, frozen=True):
    """Tell that ticks are skipped of the definition that the event `set_id` is."""

    set_id: bytes | None
    skipped: TickSkipped


Command = SetSchedule | PauseSchedule | ResumeSchedule | RemoveSchedule | TellSkipped


def decide(schedule: Schedule, command: Command) -> list[ScheduleEvent]:
    """Return what has to happen; nothing where the schedule is as it should be already, beyond doubt.

    Raises ScheduleNotFound where there must be one.
    """
    is_sure = schedule.problem is None
    match command:
        case SetSchedule(definition=definition, why=why):
            is_same = is_sure and same(definition, schedule.definition)
            return [] if is_same else [ScheduleSet(**_fields(definition), why=why)]
        case TellSkipped(set_id=set_id, skipped=skipped):
            is_told = schedule.set_id != set_id or not schedule.is_active or _tells(schedule, skipped)
            return [] if is_told else [skipped]
    if schedule.definition is None:
        raise ScheduleNotFound(schedule.name)
    match command:
        case PauseSchedule(why=why):
            return [] if is_sure and schedule.pause is not None else [SchedulePaused(why=why)]
        case ResumeSchedule(why=why):
            return [] if is_sure and schedule.pause is None else [ScheduleResumed(why=why)]
        case RemoveSchedule(why=why):
            return [ScheduleRemoved(why=why)]
        case _:
            assert_never(command)


def same(one: Definition, other: Definition | None) -> bool:
    """Whether two definitions are one: to JSON, for which 1 and true are not alike."""
    return msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")


def _fields(definition: Definition) -> dict[str, Any]:
    return {name: getattr(definition, name) for name in Definition.__struct_fields__}


def _tells(schedule: Schedule, skipped: TickSkipped) -> bool:
    """Whether the stream tells of what is skipped already."""
    if skipped.reason is SkipReason.OVERLAP:
        return schedule.held_by == skipped.job
    return schedule.since is not None and schedule.since >= skipped.last


def defined(event: ScheduleSet) -> Definition:
    """Return the definition that an event sets."""
    return Definition(**{name: getattr(event, name) for name in Definition.__struct_fields__})


def evolve(schedule: Schedule, recorded: Recorded) -> Schedule:
    """Return the schedule after an event. Raises LogCorrupt for an event that is no schedule's."""
    now = replace(schedule, head=recorded.head, problem=None)
    match recorded.event:
        case ScheduleSet() as event:
            definition = defined(event)
            told = {"set_at": recorded.at, "set_by": recorded.actor, "set_id": recorded.id, "since": recorded.at}
            return replace(now, definition=definition, why=event.why, taken=None, **told)
        case SchedulePaused(why=why):
            return replace(now, pause=Pause(recorded.at, recorded.actor, why))
        case ScheduleResumed():
            return replace(now, pause=None, since=recorded.at, taken=None)
        case ScheduleRemoved():
            return Schedule(name=schedule.name, head=recorded.head)
        case ScheduleTriggered():
            return now
        case TickSkipped(reason=SkipReason.OVERLAP, job=job, first=first):
            return replace(now, held_by=job) if is_earlier(schedule, job, first) else now
        case TickSkipped(last=last, reason=reason, job=job):
            last = min(last, recorded.at)  # whatever it says: of ticks to come nothing is told
            since = last if schedule.since is None else max(last, schedule.since)
            return replace(now, since=since, taken=job if reason is SkipReason.TAKEN else schedule.taken)
        case event:
            raise LogCorrupt(f"{recorded.stream} holds a `{type_of(event)}`, which happens to no schedule.")


def is_earlier(schedule: Schedule, job: str | None, tick: datetime) -> bool:
    """Whether a job is called as that of a tick before this one is: by another nothing is held, whatever is told."""
    made = None if job is None else tick_of(job, stream_for(schedule.name))
    return made is not None and made[1] is not None and made[1] < tick


def problem_of(schedule: Schedule) -> str | None:
    """Return the sentence on what cannot be read of a schedule, if something cannot."""
    if schedule.problem is None:
        return None
    return (
        f"Schedule {schedule.name} stays as it was before an event that is passed over: {schedule.problem} "
        "`queuectl schedule add`, `pause` or `resume` makes it sure."
    )


def after(schedule: Schedule, later: Sequence[bytes]) -> Schedule:
    """Return the schedule after further events as stored, passing over what cannot be read or happens to none."""
    found = readable.read(later, schedule.head)
    for recorded in found.events:
        try:
            schedule = evolve(schedule, recorded)
        except LogCorrupt as error:
            schedule = replace(schedule, problem=str(error))
    return replace(schedule, head=found.head, problem=found.problem or schedule.problem)


def of_stream(stream: str, history: Sequence[bytes]) -> Schedule:
    """Return the schedule that a whole stream, as stored, makes."""
    return after(Schedule(name=name_in(stream)), history)
