"""Schedules that stand in code, on the tasks whose jobs they make; workers that import them set them. Pure."""

from collections.abc import Sequence
from datetime import UTC
from typing import Any

import msgspec

from eventqueue.errors import InvalidInput, TaskRefused
from eventqueue.schedules import asked, rule
from eventqueue.schedules.ticks import check_schedule
from eventqueue.system.zones import zone
from eventqueue.tasks.declared import Declared


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """A schedule as `Queue.schedule` takes it; `every` in seconds."""

    name: str
    fields: dict[str, Any]
    cron: str | None = None
    every: float | None = None
    tz: str | None = None
    missed: str = "once"
    overlap: str = "allow"


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """When a task's jobs are made, and with which arguments; `name`: the schedule's, None: the task's."""

    name: str | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    cron: str | None
    every: float | None
    tz: str | None
    missed: str
    overlap: str


_timings: list[tuple[Declared, Timing]] = []


def plan(task: Declared, timing: Timing) -> None:
    """Note that a task has a schedule. Raises InvalidInput for one that is none."""
    name = timing.name or task.name
    try:
        _check(name, timing)
    except InvalidInput as error:
        raise InvalidInput("", f"Schedule {name} cannot be: {error}.") from None
    _timings[:] = [one for one in _timings if one[0].name != task.name or one[1].name != timing.name]
    _timings.append((task, timing))


def _check(name: str, timing: Timing) -> None:
    check_schedule(name)
    when = asked.definition({}, **_when(timing))
    if when.cron is None:
        rule.span_of(when.every or 0)
    else:
        rule.cron(when.cron, UTC if when.tz is None else zone(when.tz))


def planned() -> Sequence[Planned]:
    """Return the schedules of all tasks that are known here, by name.

    Raises TaskRefused where two have one name, InvalidInput for arguments that do not fit.
    """
    found = {name: Planned(name=name, fields=_fields(task, timing), **_when(timing)) for name, task, timing in _named()}
    return [found[name] for name in sorted(found)]


def _named() -> list[tuple[str, Declared, Timing]]:
    named = [(timing.name or task.name, task, timing) for task, timing in _timings]
    names = [name for name, _, _ in named]
    for name, task, _ in named:
        if names.count(name) > 1:
            raise TaskRefused(task.name, f"two schedules are called {name}: give one of them another name=")
    return named


def _fields(task: Declared, timing: Timing) -> dict[str, Any]:
    """Return the fields of its jobs, with all that the task says of them: who makes them does not know the task."""
    try:
        call = task.contract.call(timing.args, timing.kwargs)
    except InvalidInput as error:
        raise InvalidInput("", f"Schedule {timing.name or task.name} cannot be: {error}.") from None
    given = msgspec.json.decode(msgspec.json.encode(task.policy))
    policy = {name: value for name, value in given.items() if value not in (None, [])}
    return {"task": task.name, "args": call.args, "kwargs": call.kwargs, **policy}


def _when(timing: Timing) -> dict[str, Any]:
    return {name: getattr(timing, name) for name in ("cron", "every", "tz", "missed", "overlap")}
