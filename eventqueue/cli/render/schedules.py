"""Schedules as they are drawn: a list of them, all of one, and its next ticks."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich.text import Text

from eventqueue.cli.render.columns import Cell, Table
from eventqueue.cli.render.named import Column
from eventqueue.cli.render.named import table as named_table
from eventqueue.schedules.events import Missed
from eventqueue.system.printable import clean
from eventqueue.telling.schedules import as_json, parts, runs, since, when_of
from eventqueue.telling.words import COLOURS, age, span
from eventqueue.telling.zone import moment

if TYPE_CHECKING:
    from eventqueue.api.scheduling import Scheduled

LABEL = 12
USUAL = ("schedule", "when", "next", "last", "missed", "overlap", "runs")
HIDDEN = "•••"
_SHOWN = ("command", "task", "args", "kwargs", "cwd", "env")


def table(found: Sequence["Scheduled"], now: datetime, names: Sequence[str] = ()) -> Table:
    """Schedules in a list: when, how long until the next tick, what became of the last, and what is made then."""
    columns: Mapping[str, Column[Scheduled]] = {
        "schedule": Column("SCHEDULE", lambda one: one.name),
        "when": Column("WHEN", lambda one: clean(when_of(one))),
        "next": Column("NEXT", lambda one: _next(one, now)),
        "last": Column("LAST", lambda one: _last(one, now), 1),
        "missed": Column("MISSED", lambda one: one.missed, 3),
        "overlap": Column("OVERLAP", lambda one: one.overlap, 2),
        "runs": Column("RUNS", lambda one: clean(runs(one.fields)), is_text=True),
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
    yield "when", when_of(one)
    yield "next", one.next_at and moment(one.next_at)
    yield "last", one.last and f"{moment(one.last.tick)}: job {one.last.job} is {one.last.state or 'unreadable'}"
    yield "problem", one.problem
    yield "paused", one.pause and since(one)
    yield "missed", f"{one.missed} ({'a job each' if one.missed is Missed.ALL else _made(one.missed)})"
    yield "overlap", one.overlap
    yield "runs", runs(one.fields)
    yield "directory", one.fields.get("cwd")
    env = parts(one.fields.get("env"))
    yield "environment", " ".join(f"{name}={value if show_env else HIDDEN}" for name, value in env)
    for name, value in one.fields.items():
        if name not in _SHOWN:
            yield name, value if isinstance(value, str) else as_json(value)
    yield "set", f"{moment(one.set_at, 'seconds')} by {one.set_by} (version {one.version})"
    yield "why", one.why


def _made(missed: Missed) -> str:
    return "no job" if missed is Missed.SKIP else "one job of all"


def ticks(found: Sequence[datetime], tz: str | None, now: datetime) -> Table:
    """The next ticks: when, how long until then, and what the clocks of the zone show then."""
    rows: list[list[Cell]] = [[moment(at), f"in {span(max(0.0, (at - now).total_seconds()))}"] for at in found]
    if tz is None:
        return Table(["TICK", "WHEN"], rows, dated=True)
    local = [f"{at.astimezone(ZoneInfo(tz)):%a %Y-%m-%d %H:%M %Z}" for at in found]
    return Table(["TICK", "WHEN", tz], [[*row, one] for row, one in zip(rows, local, strict=True)], dated=True)
