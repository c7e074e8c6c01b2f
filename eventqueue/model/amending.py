"""What may be changed of a job that waits: as it is asked for, as its event tells of it, and what it makes of the job.

Each field is checked as it is where a job is enqueued; what can be told from the job alone, as whether it runs a
command, is checked when it is decided.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from eventqueue.errors import InvalidInput
from eventqueue.model.codec import DATA_MAX, check_size, size_of, to_ms
from eventqueue.model.events import Run, Shell, Terms
from eventqueue.model.figures import instant
from eventqueue.model.retry import LONGEST_S
from eventqueue.model.spec import Fields, check_together, fields_of, given_of, plain_of

AMENDABLE = ("priority", "queue", "run_at", "delay", "max_retries", "timeout", "env", "tags", "command")
_CAN_BE = f"what can be is {', '.join(AMENDABLE)}"
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
    def due_at(self) -> datetime | None: ...
    @property
    def expires_at(self) -> datetime | None: ...


def amendment(asked: Mapping[str, Any]) -> Fields:
    """Check what is to be changed; a field that is None counts as not given.

    Raises InvalidInput naming the first field that cannot be changed, is of a wrong type, or out of range.
    """
    given = given_of(asked)
    for field in given:
        if field not in AMENDABLE:
            raise InvalidInput(field, f"cannot be changed of a job that is there; {_CAN_BE}")
    if not given:
        raise InvalidInput("", f"Nothing to change was given; {_CAN_BE}.")
    fields = fields_of(given)
    check_together(fields)
    check_size(plain_of(fields, given))
    return fields


def compared(job: Job, asked: Fields, now: datetime) -> tuple[Terms, Terms]:
    """Return in what a job differs from what is asked for: the terms that it has, and those that it is to have.

    Raises InvalidInput for what such a job cannot have.
    """
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
    differing = [name for name in wanted if wanted[name] != has[name]]
    becomes = Terms(**{name: wanted[name] for name in differing})
    if _may_grow(becomes):  # variables that are given one after the other add up
        check_size(_large(job, becomes))
    return Terms(**{name: has[name] for name in differing}), becomes


def _due(job: Job, asked: Fields, now: datetime) -> datetime:
    due_at = max(now, now + timedelta(seconds=asked.delay or 0) if asked.run_at is None else to_ms(asked.run_at))
    if job.expires_at is not None and job.expires_at <= due_at:
        field = "delay" if asked.run_at is None else "run_at"
        raise InvalidInput(field, f"is not before job {job.id} expires, at {instant(job.expires_at, 'seconds')}")
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
        return {**found, "command": _either(now.command, run.command), "env": {**run.env, **(now.env or {})}}
    return {**found, "args": run.args, "kwargs": run.kwargs}


def _either(one: T | None, other: T) -> T:
    return other if one is None else one


def changed(job: Job, now: Terms, at: datetime) -> dict[str, Any]:
    """Return the fields of a job that other terms change; `at`: when these became its."""
    if outgrows(job, now):
        now = replace(now, **dict.fromkeys(OF_ANY_SIZE))
    changes: dict[str, Any] = {name: getattr(now, name) for name in _PLAIN if getattr(now, name) is not None}
    if now.tags is not None:
        changes["tags"] = now.tags
    if now.timeout is not None:
        changes["timeout"] = bounded(now.timeout)
    if isinstance(run := job.run, Shell) and (now.command is not None or now.env is not None):
        command = run.command if now.command is None else now.command
        changes["run"] = replace(run, command=command, env={**run.env, **(now.env or {})})
    # As of one that is enqueued: a time long past goes before nobody who was there.
    return {**changes, "due_at": job.due_at if now.due_at is None else max(now.due_at, at)}


def bounded(timeout: float | None) -> float | None:
    """Return a timeout that can be waited for: a hand may have put any number there."""
    return timeout if timeout is None or 0 < timeout <= LONGEST_S else LONGEST_S
