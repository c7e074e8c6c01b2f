"""Schedules in a person's words: their events, a list of them, and all of one."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec
from rich.text import Text

from eventqueue.cli.render.columns import Cell, Table
from eventqueue.cli.render.named import Column
from eventqueue.cli.render.named import table as named_table
from eventqueue.cli.render.words import COLOURS, age, count, sentence, shortened, span
from eventqueue.cli.render.zone import moment
from eventqueue.schedules.events import Missed, Overlap, ScheduleSet, ScheduleTriggered, SkipReason, TickSkipped
from eventqueue.schedules.schedule import IN_CODE
from eventqueue.system.printable import clean

if TYPE_CHECKING:
    from eventqueue.api.scheduling import Rescheduled, Scheduled

LABEL = 12
USUAL = ("schedule", "when", "next", "last", "missed", "overlap", "runs")
HIDDEN = "•••"
CALL_MAX = 200  # characters of a task's arguments
_SHOWN = ("command", "task", "args", "kwargs", "cwd", "env")
_MISSED = {Missed.SKIP: "none of what was missed", Missed.ONCE: "", Missed.ALL: "all that was missed"}
_OVERLAP = {Overlap.ALLOW: "", Overlap.SKIP: "none beside another"}


def describe(event: ScheduleSet | ScheduleTriggered | TickSkipped) -> str:
    """Return what happened to a schedule, in one line."""
    match event:
        case ScheduleSet(fields=fields, missed=missed, overlap=overlap, why=why):
            when = _when(event.cron, event.tz, event.every)
            return sentence(f"{when}: {_runs(fields)}", _MISSED[missed], _OVERLAP[overlap], why)
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


def _when_of(one: "Scheduled") -> str:
    return _when(one.cron, one.tz, None if one.every is None else one.every.total_seconds())


def _runs(fields: Mapping[str, Any]) -> str:
    if "task" not in fields:
        return str(fields.get("command", ""))
    args, named = fields.get("args"), _parts(fields.get("kwargs"))
    told = [*map(_json, args if isinstance(args, list | tuple) else ()), *(f"{one}={_json(it)}" for one, it in named)]
    return shortened(f"{fields['task']}({', '.join(told)})", CALL_MAX)


def _parts(value: Any) -> Sequence[tuple[Any, Any]]:
    # Whoever may append can put any fields into the log: no job is made of such, and all else is to be shown.
    return list(value.items()) if isinstance(value, Mapping) else []


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def table(found: Sequence["Scheduled"], now: datetime, names: Sequence[str] = ()) -> Table:
    """Schedules in a list: when, how long until the next tick, what became of the last, and what is made then."""
    columns: Mapping[str, Column[Scheduled]] = {
        "schedule": Column("SCHEDULE", lambda one: one.name),
        "when": Column("WHEN", lambda one: clean(_when_of(one))),
        "next": Column("NEXT", lambda one: _next(one, now)),
        "last": Column("LAST", lambda one: _last(one, now), 1),
        "missed": Column("MISSED", lambda one: one.missed, 3),
        "overlap": Column("OVERLAP", lambda one: one.overlap, 2),
        "runs": Column("RUNS", lambda one: clean(_runs(one.fields)), is_text=True),
        "set": Column("SET", lambda one: moment(one.set_at, "seconds"), 4),
        "by": Column("BY", lambda one: clean(one.set_by), 5, is_text=True),
    }
    return named_table(columns, names or USUAL, found, 20)


def _next(one: "Scheduled", now: datetime) -> Text:
    if one.pause is not None:
        return Text(f"paused {age(now - one.pause.since)} ago", "yellow")
    if one.next_at is None:
        return Text("never here" if one.problem else "never", "red")
    return Text(f"in {age(one.next_at - now)}")


def _last(one: "Scheduled", now: datetime) -> Text | None:
    if one.last is None:
        return None
    state = Text("unreadable", "red") if one.last.state is None else Text(one.last.state, COLOURS[one.last.state])
    return state.append(f" {age(now - one.last.tick)} ago", "default")


def details(one: "Scheduled", *, show_env: bool = False) -> Text:
    """All of a schedule, field by field."""
    lines = [
        Text.assemble((f"{label:<{LABEL}} ", "dim"), clean(str(value)))
        for label, value in _fields(one, show_env=show_env)
        if value not in (None, "")
    ]
    return Text("\n").join(lines)


def _fields(one: "Scheduled", *, show_env: bool) -> Iterator[tuple[str, object]]:
    yield "schedule", one.name
    yield "when", _when_of(one)
    yield "next", one.next_at and moment(one.next_at)
    yield "last", one.last and f"{moment(one.last.tick)}: job {one.last.job} is {one.last.state or 'unreadable'}"
    yield "problem", one.problem
    yield "paused", one.pause and since(one)
    yield "missed", f"{one.missed} ({'a job each' if one.missed is Missed.ALL else _made(one.missed)})"
    yield "overlap", one.overlap
    yield "runs", _runs(one.fields)
    yield "directory", one.fields.get("cwd")
    env = _parts(one.fields.get("env"))
    yield "environment", " ".join(f"{name}={value if show_env else HIDDEN}" for name, value in env)
    for name, value in one.fields.items():
        if name not in _SHOWN:
            yield name, value if isinstance(value, str) else _json(value)
    yield "set", f"{moment(one.set_at, 'seconds')} by {one.set_by} (version {one.version})"
    yield "why", one.why


def _made(missed: Missed) -> str:
    return "no job" if missed is Missed.SKIP else "one job of all"


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


def ticks(found: Sequence[datetime], tz: str | None, now: datetime) -> Table:
    """The next ticks: when, how long until then, and what the clocks of the zone show then."""
    rows: list[list[Cell]] = [[moment(at), f"in {span(max(0.0, (at - now).total_seconds()))}"] for at in found]
    if tz is None:
        return Table(["TICK", "WHEN"], rows, dated=True)
    local = [f"{at.astimezone(ZoneInfo(tz)):%a %Y-%m-%d %H:%M %Z}" for at in found]
    return Table(["TICK", "WHEN", tz], [[*row, one] for row, one in zip(rows, local, strict=True)], dated=True)
