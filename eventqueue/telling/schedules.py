"""Schedules in a person's words: their events, when they are, what they run, and how they stand."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from eventqueue.schedules.events import Missed, Overlap, ScheduleSet, ScheduleTriggered, SkipReason, TickSkipped
from eventqueue.schedules.schedule import IN_CODE
from eventqueue.system.printable import clean
from eventqueue.system.zones import zone
from eventqueue.telling.words import count, sentence, shortened, span
from eventqueue.telling.zone import moment

if TYPE_CHECKING:
    from eventqueue.api.scheduling import Rescheduled, Scheduled

CALL_MAX = 200  # characters of a task's arguments
_MISSED = {Missed.SKIP: "none of what was missed", Missed.ONCE: "", Missed.ALL: "all that was missed"}
_OVERLAP = {Overlap.ALLOW: "", Overlap.SKIP: "none beside another"}


def describe(event: ScheduleSet | ScheduleTriggered | TickSkipped) -> str:
    """Return what happened to a schedule, in one line."""
    match event:
        case ScheduleSet(fields=fields, missed=missed, overlap=overlap, why=why):
            when = _when(event.cron, event.tz, event.every)
            return sentence(f"{when}: {runs(fields)}", _MISSED[missed], _OVERLAP[overlap], why)
        case ScheduleTriggered(job=job, why=why):
            return sentence(f"job {job}", why)
        case TickSkipped(reason=SkipReason.OVERLAP, first=first, job=job):
            return f"from {moment(first, 'seconds')} on, until job {job} has ended"
        case TickSkipped(reason=SkipReason.TAKEN, first=first, job=job):
            return f"at {moment(first, 'seconds')}: job {job}, which it has not made, has the id of its job"
        case TickSkipped(first=first, last=last, number=number, is_least=is_least):
            span_ = f" from {moment(first, 'seconds')} to {moment(last, 'seconds')}"
            more = " or more" if is_least else ""
            return f"{count(number, 'tick')}{more}{span_}: nobody was there to make their jobs"


def _when(cron: str | None, tz: str | None, every: float | None) -> str:
    if cron is None:
        return f"every {span(every or 0)}"
    return f"{cron} in {tz or 'UTC'}"


def when_of(one: "Scheduled") -> str:
    """Return when the ticks of a schedule are, in words."""
    return _when(one.cron, one.tz, None if one.every is None else one.every.total_seconds())


def by_its_clock(one: "Scheduled", at: datetime) -> str | None:
    """Return what the clock of a schedule's zone shows at a tick, None where that is UTC, or where it has none."""
    if one.tz is None or (shown := at.astimezone(zone(one.tz))).tzname() == "UTC":
        return None
    return f"{shown:%Y-%m-%d %H:%M} in {one.tz}"


def runs(fields: Mapping[str, Any]) -> str:
    """Return what a job of a schedule with these fields runs, as a person would write it."""
    if "task" not in fields:
        return str(fields.get("command", ""))
    args, named = fields.get("args"), parts(fields.get("kwargs"))
    told = [
        *map(as_json, args if isinstance(args, list | tuple) else ()),
        *(f"{one}={as_json(it)}" for one, it in named),
    ]
    return shortened(f"{fields['task']}({', '.join(told)})", CALL_MAX)


def parts(value: Any) -> Sequence[tuple[Any, Any]]:
    """Return the names and values of what should be a mapping, and is whatever a hand has put into the log."""
    # Whoever may append can put any fields into the log: no job is made of such, and all else is to be shown.
    return list(value.items()) if isinstance(value, Mapping) else []


def as_json(value: Any) -> str:
    """Return a value as it stands in JSON."""
    return msgspec.json.encode(value).decode()


def since(one: "Scheduled") -> str:
    """Return since when a schedule is paused, by whom and, if that was said, why."""
    assert one.pause is not None
    why = f": {one.pause.why}" if one.pause.why else ""
    return clean(f"since {moment(one.pause.since, 'seconds')} by {one.pause.by}{why}")


def stands(done: "Rescheduled") -> str:
    """Return what became of a schedule that was asked for, and when its next tick is."""
    assert done.schedule is not None
    what = "is set" if done.is_new else "is changed" if done.is_changed else "is set like that already"
    return f"Schedule {done.name} {what}; {coming(done.schedule)}"


def coming(one: "Scheduled") -> str:
    """Return when the next tick of a schedule is, as the end of a sentence."""
    if one.pause is not None:
        return f"it is paused {since(one)}"
    return f"next at {moment(one.next_at, 'seconds')}" if one.next_at else "there is no next tick"


def anew(one: "Scheduled | None") -> str | None:
    """Return what becomes of a change to a schedule as it stood, if that is not for long."""
    if one is None or one.why != IN_CODE:
        return None
    return "It stands in the code: the next worker that imports its task sets it anew when it starts."
