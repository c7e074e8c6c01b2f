"""What a caller asks for when enqueueing, and how it becomes an `enqueued` event.

What was *asked* (before defaults) is kept beside what it resolves to: sameness of two requests compares `asked`,
so the same call is the same job later, from another directory, or after a default has changed.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import msgspec

from eventqueue.errors import InvalidInput
from eventqueue.model.codec import to_ms
from eventqueue.model.events import Call, Enqueued, Run, Shell
from eventqueue.model.fields import AskedBackoff, Fields, check_together, check_what_runs, fields_of, given_of, plain_of
from eventqueue.model.retry import Backoff

_KEY_SPACE = UUID("c1ad4a2e-2f0b-5f37-9c1d-6d1f4be5a1a7")

# The id says which job is meant, whether it was asked for or made; where both differ, it is two jobs.
_NO_DIFFERENCE = frozenset({"id", "correlation"})


def id_of_key(queue: str, key: str) -> str:
    """Return the id of the job that has a key in a queue: what has another id has no key."""
    return str(uuid5(_KEY_SPACE, f"{queue}\x00{key}"))


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """What a request falls back to, field by field; `cwd` is the caller's directory, None where it has none.

    `expires`: so many seconds after it was enqueued, or after its `run_at`.
    """

    queue: str = "default"
    priority: int = 0
    max_retries: int = 3
    backoff: Backoff = Backoff()
    timeout: float | None = None
    cwd: str | None = None
    expires: float | None = None
    tags: tuple[str, ...] = ()


class Request(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A checked request: the fields, what was asked in plain JSON values, and the defaults of the moment."""

    fields: Fields
    asked: dict[str, Any]
    defaults: Defaults

    @property
    def queue(self) -> str:
        """The queue the job goes to."""
        return self.fields.queue or self.defaults.queue

    @property
    def cwd(self) -> str | None:
        """Where a command runs: the directory asked for, seen from the caller's; None where neither is known."""
        # Not from the worker's, which stands elsewhere.
        here, there = self.defaults.cwd, self.fields.cwd
        if here is None or there is None:
            return there or here
        return there if there.startswith("/") else f"{here.rstrip('/')}/{there}"

    def job_id(self, fresh: str) -> str:
        """Return the job's id: the one asked for, else one made of (queue, key), else `fresh`."""
        if self.fields.id is not None:
            return self.fields.id
        if self.fields.key is not None:
            return id_of_key(self.queue, self.fields.key)
        return fresh

    def enqueued(self, now: datetime, nth: int = 0) -> Enqueued:
        """Return the event: every policy resolved, at `now`, the database's clock; `nth` of the jobs of one call."""
        asked, default = self.fields, self.defaults
        run_at = to_ms(asked.run_at) if asked.run_at else now + _lasting(asked.delay)
        return Enqueued(
            run=self._run,
            queue=self.queue,
            run_at=run_at,
            max_retries=_first(asked.max_retries, default.max_retries),
            backoff=_backoff(asked.backoff, default.backoff),
            asked=self.asked,
            priority=_first(asked.priority, default.priority),
            timeout=_first(asked.timeout, default.timeout),
            expires_at=self._expires_at(max(now, run_at)),
            key=asked.key,
            tags=default.tags if asked.tags is None else tuple(asked.tags),
            group=asked.group,
            meta=asked.meta or {},
            correlation=asked.correlation,
            nth=nth,
        )

    @property
    def _run(self) -> Run:
        asked = self.fields
        if asked.command is not None:
            return Shell(command=asked.command, cwd=self.cwd, env=asked.env or {})
        assert asked.task is not None
        return Call(task=asked.task, args=asked.args or [], kwargs=asked.kwargs or {})

    def _expires_at(self, begins: datetime) -> datetime | None:
        if self.fields.expires_at is not None:
            return to_ms(self.fields.expires_at)
        after = _first(self.fields.expires, self.defaults.expires)
        return None if after is None else begins + _lasting(after)

    def is_too_late(self, clock: Callable[[], datetime]) -> bool:
        """Whether the job has expired by now, or by the end of its delay; `clock` is asked only if need be."""
        if self.fields.expires_at is None:
            return False
        return clock() + timedelta(seconds=self.fields.delay or 0) >= self.fields.expires_at

    def differs_from(self, first: Enqueued) -> str | None:
        """Return the field in which `first` was asked for differently, or None: then it is the same request."""
        # By such a key the arguments are the same, though one call may name what the other leaves as it is by default.
        told_by_key = {"args", "kwargs"} if is_of_arguments(self.fields.key or "") else set()
        for field in sorted((self.asked.keys() | first.asked.keys()) - told_by_key):
            if field not in _NO_DIFFERENCE and not _same(self.asked.get(field), first.asked.get(field)):
                return field
        return None


def key_of_arguments(digest: str) -> str:
    """Return the key that stands for a task and its arguments, by 32 hexadecimal digits that tell them apart."""
    return f"unique-{digest}"


def is_of_arguments(key: str) -> bool:
    """Whether a key has the form of those that stand for a task and its arguments, in whatever stretch of time."""
    return _OF_ARGUMENTS.fullmatch(key) is not None


_OF_ARGUMENTS = re.compile(key_of_arguments("[0-9a-f]{32}") + r"(-\d+)?")


def request(asked: Mapping[str, Any], defaults: Defaults) -> Request:
    """Check what was asked for; a field that is None counts as not given.

    Raises InvalidInput naming the first field that is unknown, of a wrong type, or out of range.
    """
    given = given_of(asked)
    if "command" not in given and "task" not in given:
        raise InvalidInput("command", "is required, or else a task")
    fields = fields_of(given)
    check_what_runs(fields)
    check_together(fields)
    return Request(fields=fields, asked=plain_of(fields, given), defaults=defaults)


def _lasting(seconds: float | None) -> timedelta:
    return timedelta(milliseconds=round(1000 * (seconds or 0)))


def _first(asked: Any, default: Any) -> Any:
    return default if asked is None else asked


def _backoff(asked: AskedBackoff | None, default: Backoff) -> Backoff:
    if asked is None:
        return default
    return Backoff(
        base=_first(asked.base, default.base),
        cap=_first(asked.cap, default.cap),
        jitter=_first(asked.jitter, default.jitter),
    )


def _same(one: Any, other: Any) -> bool:
    # As JSON text: 1 and true, and 1 and 1.0, are equal in Python but were asked for differently.
    return bool(msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted"))
