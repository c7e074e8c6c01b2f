"""What may be changed of a job that waits: as it is asked for, as its event tells of it, and what it makes of the job.

Each field is checked as it is where a job is enqueued; what can be told from the job alone, as whether it runs a
command, is checked when it is decided.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

import msgspec
from msgspec.structs import replace

from eventqueue.errors import InvalidInput
from eventqueue.model.codec import DATA_MAX, check_size, size_of, to_ms
from eventqueue.model.events import Run, Shell, Terms
from eventqueue.model.fields import Fields, check_together, fields_of, given_of, plain_of
from eventqueue.model.figures import moment
from eventqueue.model.names import one_of
from eventqueue.model.retry import LONGEST_S

AMENDABLE = ("priority", "queue", "run_at", "delay", "max_retries", "timeout", "env", "tags", "command")
_CAN_BE = f"what can be is {', '.join(AMENDABLE)}"
UNSETTABLE = ("timeout", "tags", "env", "env.NAME")
CALLED = {"due_at": "time", "max_retries": "retries", "env": "environment"}
"""What people call some of the terms."""
VARIABLE = "env."  # in front of the name of one that is unset
_PLAIN = ("priority", "queue", "max_retries", "timeout")  # which a job has under the same name, as they were given
OF_ANY_SIZE = ("queue", "env", "tags", "command")

T = TypeVar("T")


class Sized(Protocol):
    """What may be large of a job."""

    @property
    def run(self) -> Run: ...
    @property
    def queue(self) -> str: ...
    @property
    def tags(self) -> tuple[str, ...]: ...
    @property
    def meta(self) -> Mapping[str, Any]: ...
    @property
    def key(self) -> str | None: ...
    @property
    def group(self) -> str | None: ...
    @property
    def correlation(self) -> str | None: ...


class Job(Sized, Protocol):
    """What has to be known of a job here; `model.job`, which knows all of it, asks this module what changes."""

    @property
    def id(self) -> str: ...
    @property
    def timeout(self) -> float | None: ...
    @property
    def due_at(self) -> datetime | None: ...
    @property
    def expires_at(self) -> datetime | None: ...


class Changes(msgspec.Struct, frozen=True, gc=False):
    """What is asked for: fields with what they are to be, and what is to be taken away, as of UNSETTABLE."""

    fields: Fields = Fields()
    unset: tuple[str, ...] = ()


def amendment(asked: Mapping[str, Any], unset: Iterable[str] = ()) -> Changes:
    """Check what is to be changed; a field that is None counts as not given.

    `unset`: what the job is to have no more: `timeout`, `tags`, `env`, or one variable, as `env.REGION`.
    Raises InvalidInput naming the first field that cannot be changed, is of a wrong type, or out of range.
    """
    given = given_of(asked)
    for field in given:
        if field not in AMENDABLE:
            raise InvalidInput(field, f"cannot be changed of a job that is there; {_CAN_BE}")
    fields = fields_of(given)
    away = tuple(dict.fromkeys(_unsettable(name, fields) for name in unset))
    if not given and not away:
        raise InvalidInput("", f"Nothing to change was given; {_CAN_BE}.")
    check_together(fields)
    if given:
        check_size(plain_of(fields, given))
    return Changes(fields, away)


def _unsettable(name: object, fields: Fields) -> str:
    if not isinstance(name, str):
        raise InvalidInput("unset", "must be names of fields")
    variable = name.removeprefix(VARIABLE) if name.startswith(VARIABLE) else None
    if name not in ("timeout", "tags", "env") and not variable:
        why = "cannot be empty" if name in AMENDABLE else "is nothing that could be unset"
        raise InvalidInput("unset", f"{name} {why}{one_of('what can be', name, UNSETTABLE)}")
    both = name in ("timeout", "tags") and getattr(fields, name) is not None
    if both or (variable and variable in (fields.env or {})):
        raise InvalidInput("unset", f"{name} cannot be given together with a value for it")
    return name


def compared(job: Job, asked: Changes, now: datetime) -> tuple[Terms, Terms]:
    """Return in what a job differs from what is asked for: the terms that it has, and those that it is to have.

    Raises InvalidInput for what such a job cannot have.
    """
    has, wanted = _terms(job, asked.fields, now)
    unset = []
    if "tags" in asked.unset:
        has["tags"], wanted["tags"] = job.tags, ()
    if "timeout" in asked.unset and job.timeout is not None:
        has["timeout"] = job.timeout
        unset.append("timeout")
    if names := _taken(job, asked):
        has["env"] = {**has.get("env", {}), **names}
        unset += [f"{VARIABLE}{name}" for name in names]
    told = {name for name in has if name not in wanted or wanted[name] != has[name]}
    becomes = Terms(**{name: wanted[name] for name in wanted if name in told}, unset=tuple(unset))
    if _may_grow(becomes):  # variables that are given one after the other add up
        check_size(_large(job, becomes))
    return Terms(**{name: has[name] for name in has if name in told}), becomes


def _terms(job: Job, asked: Fields, now: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return of each field that is given what the job has, and what it is to have."""
    wanted: dict[str, Any] = {name: getattr(asked, name) for name in _PLAIN if getattr(asked, name) is not None}
    has: dict[str, Any] = {name: getattr(job, name) for name in wanted}
    if asked.tags is not None:
        has["tags"], wanted["tags"] = job.tags, tuple(asked.tags)
    if asked.run_at is not None or asked.delay is not None:
        has["due_at"], wanted["due_at"] = job.due_at, _due(job, asked, now)
    for name, value in (("command", asked.command), ("env", asked.env)):
        if value is not None:
            run = _command_of(job, name)
            has[name] = run.command if name == "command" else {one: run.env[one] for one in value if one in run.env}
            wanted[name] = value
    return has, wanted


def _taken(job: Job, asked: Changes) -> dict[str, str]:
    """Return the variables that a job has and is to have no more; of all of them those that are not given anew."""
    named = {name.removeprefix(VARIABLE) for name in asked.unset if name.startswith(VARIABLE)}
    if not named and "env" not in asked.unset:
        return {}
    run, anew = _command_of(job, "unset"), asked.fields.env or {}
    return {
        name: value for name, value in run.env.items() if name in named or ("env" in asked.unset and name not in anew)
    }


def _due(job: Job, asked: Fields, now: datetime) -> datetime:
    due_at = max(now, now + timedelta(seconds=asked.delay or 0) if asked.run_at is None else to_ms(asked.run_at))
    if job.expires_at is not None and job.expires_at <= due_at:
        field = "delay" if asked.run_at is None else "run_at"
        raise InvalidInput(field, f"is not before job {job.id} expires, at {moment(job.expires_at, 'seconds')}")
    # Who is due already keeps its place among those that are.
    is_due = job.due_at is not None and job.due_at <= now
    return job.due_at if job.due_at is not None and is_due and due_at <= now else to_ms(due_at)


def _command_of(job: Job, field: str) -> Shell:
    if not isinstance(job.run, Shell):
        raise InvalidInput(field, f"cannot be given for job {job.id}: it runs a task, within its worker")
    return job.run


def outgrows(job: Sized, now: Terms) -> bool:
    """Whether a job would have more on other terms than it may: nobody is allowed that, but a hand may say so.

    Again and again: the job would be more than any view can hold, and stop all that stands behind it.
    """
    return _may_grow(now) and sum(map(size_of, _large(job, now).values())) > DATA_MAX


def _may_grow(now: Terms) -> bool:
    return any(getattr(now, name) is not None for name in OF_ANY_SIZE)


def _large(job: Sized, now: Terms) -> dict[str, Any]:
    """Return what may be large of a job on other terms, by field."""
    run = job.run
    found: dict[str, Any] = {
        "queue": _either(now.queue, job.queue),
        "tags": _either(now.tags, job.tags),
        "meta": job.meta,
        **{name: value for name in ("key", "group", "correlation") if (value := getattr(job, name)) is not None},
    }
    if isinstance(run, Shell):
        return {**found, "command": _either(now.command, run.command), "env": laid(run.env, now)}
    return {**found, "args": run.args, "kwargs": run.kwargs}


def taken(now: Terms) -> set[str]:
    """Return the names of the variables that a job has no more."""
    return {name.removeprefix(VARIABLE) for name in now.unset if name.startswith(VARIABLE)}


def laid(env: Mapping[str, str], now: Terms) -> dict[str, str]:
    """Return the environment that a job has on other terms."""
    gone = taken(now)
    return {**{name: value for name, value in env.items() if name not in gone}, **(now.env or {})}


def _either(one: T | None, other: T) -> T:
    return other if one is None else one


def changed(job: Job, now: Terms, at: datetime) -> dict[str, Any]:
    """Return the fields of a job that other terms change; `at`: when these became its."""
    if outgrows(job, now):
        unset = tuple(name for name in now.unset if not name.startswith(VARIABLE))
        now = replace(now, **dict.fromkeys(OF_ANY_SIZE), unset=unset)
    changes: dict[str, Any] = {name: getattr(now, name) for name in _PLAIN if getattr(now, name) is not None}
    if now.tags is not None:
        changes["tags"] = now.tags
    if now.timeout is not None or "timeout" in now.unset:
        changes["timeout"] = bounded(now.timeout)
    if isinstance(run := job.run, Shell) and (now.command is not None or now.env is not None or taken(now)):
        changes["run"] = replace(run, command=_either(now.command, run.command), env=laid(run.env, now))
    # As of one that is enqueued: a time long past goes before nobody who was there.
    return {**changes, "due_at": job.due_at if now.due_at is None else max(now.due_at, at)}


def bounded(timeout: float | None) -> float | None:
    """Return a timeout that can be waited for: a hand may have put any number there."""
    return timeout if timeout is None or 0 < timeout <= LONGEST_S else LONGEST_S


def told_of(now: Terms) -> list[str]:
    """Return what people call the terms that were changed."""
    fields = [name for name in Terms.__struct_fields__ if name != "unset" and getattr(now, name) is not None] + [
        name.partition(".")[0] for name in now.unset
    ]
    return [CALLED.get(name, name) for name in dict.fromkeys(fields)]
