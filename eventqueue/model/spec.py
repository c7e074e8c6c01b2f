"""What a caller may ask for when enqueueing, checked field by field, and how it becomes an `enqueued` event.

What was *asked* (before defaults) is kept beside what it resolves to: sameness of two requests compares `asked`,
so the same call is the same job later, from another directory, or after a default has changed.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid5

import msgspec
from msgspec import Meta

from eventqueue.errors import InvalidInput
from eventqueue.model.asked import in_json
from eventqueue.model.codec import check_data, to_ms
from eventqueue.model.durations import SUCH_DURATIONS, seconds_in
from eventqueue.model.events import Call, Enqueued, Run, Shell
from eventqueue.model.names import by_known, meant
from eventqueue.model.retry import LONGEST_S, Backoff, Fraction, Seconds

# `$` alone would let a last newline in. What begins with `-` would be an option where it is typed, or passed on to a
# command: `xargs queuectl cancel` of a job `--all` cancelled them all.
NAME = r"^(?!-)[A-Za-z0-9._:-]{1,128}$(?!\n)"
NO_NAME = "may hold letters, digits and . _ : - only, 1 to 128 of them, and may not begin with -"
TEXT_MAX = 128 * 1024 - 1  # bytes of one argument, or of one variable with its name: MAX_ARG_STRLEN, and a NUL
_TIMES, _DURATIONS = ("run_at", "expires_at"), ("delay", "expires", "timeout")
_KEY_SPACE = UUID("c1ad4a2e-2f0b-5f37-9c1d-6d1f4be5a1a7")

# The id says which job is meant, whether it was asked for or made; where both differ, it is two jobs.
_NO_DIFFERENCE = frozenset({"id", "correlation"})

Name = Annotated[str, Meta(pattern=NAME)]
Label = Annotated[str, Meta(min_length=1, max_length=128)]
Whole = Annotated[int, Meta(ge=-(2**31), lt=2**31)]


def id_of_key(queue: str, key: str) -> str:
    """Return the id of the job that has a key in a queue: what has another id has no key."""
    return str(uuid5(_KEY_SPACE, f"{queue}\x00{key}"))


class AskedBackoff(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The part of the backoff that the caller wants otherwise than the default."""

    base: Seconds | None = None
    cap: Seconds | None = None
    jitter: Fraction | None = None


class Fields(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """The fields of a request, as a caller names them; None means not given. Durations in seconds.

    `expires`: so long after `run_at`, or after `delay`.
    """

    command: Annotated[str, Meta(min_length=1)] | None = None  # this,
    task: Name | None = None  # or that
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None
    id: Name | None = None
    queue: Name | None = None
    priority: Whole | None = None
    run_at: datetime | None = None
    delay: Seconds | None = None
    expires_at: datetime | None = None
    expires: Annotated[float, Meta(gt=0, le=LONGEST_S)] | None = None
    max_retries: Annotated[int, Meta(ge=0, lt=2**31)] | None = None
    backoff: AskedBackoff | None = None
    timeout: Annotated[float, Meta(gt=0, le=LONGEST_S)] | None = None
    key: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    tags: Annotated[list[Label], Meta(max_length=64)] | None = None
    group: Label | None = None
    env: dict[str, str] | None = None
    cwd: Annotated[str, Meta(min_length=1)] | None = None
    meta: dict[str, Any] | None = None
    correlation: Label | None = None


FIELDS = frozenset(Fields.__struct_fields__)


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
    _check_what_runs(fields)
    check_together(fields)
    return Request(fields=fields, asked=plain_of(fields, given), defaults=defaults)


def given_of(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what was given of a job's fields, as JSON values. Raises InvalidInput naming the first one that is not."""
    asked = by_field(asked)
    for field in asked:
        if field not in Fields.__struct_fields__:
            raise InvalidInput(
                str(field), f"is no field of a job{one_of('the fields', field, Fields.__struct_fields__)}"
            )
    given = {
        field: in_json(field, value)
        for field, value in asked.items()
        if value is not None and not _is_no_argument(field, value)
    }
    for field, value in given.items():
        check_data(value.isoformat() if isinstance(value, datetime) else value, field)
        _refuse_nul(field, value)
    return given


def fields_of(given: Mapping[str, Any]) -> Fields:
    """Return the fields that were given, each by itself as it must be. Raises InvalidInput naming one that is not."""
    return _convert({field: _measured(field, value) for field, value in given.items()})


def plain_of(fields: Fields, given: Iterable[str]) -> dict[str, Any]:
    """Return the fields that were given in plain JSON values."""
    return {field: _plain(getattr(fields, field)) for field in given}


def by_field(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what was asked for by the fields' names, `max_retries` for `max-retries`, too.

    Raises InvalidInput for a field that is there twice.
    """
    return asked if FIELDS.issuperset(asked) else by_known(asked, Fields.__struct_fields__)


def _is_no_argument(field: str, value: Any) -> bool:
    # So that who says that there are none asks for the same as who says nothing.
    return field in _OF_TASKS and isinstance(value, list | tuple | dict) and not value


def one_of(what: str, wrong: Any, known: Collection[str]) -> str:
    """Return the end of a sentence about a wrong name: the right one that is like it, if there is one, and all."""
    return f"{meant(wrong, known)}; {what} are {', '.join(known)}"


def check_name(name: str, field: str) -> str:
    """Return a name of a queue that is one. Raises InvalidInput naming `field`."""
    if not re.search(NAME, name):
        raise InvalidInput(field, NO_NAME)
    return name


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


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, AskedBackoff):
        return {name: part for name, part in msgspec.to_builtins(value).items() if part is not None}
    return value


def _measured(field: str, value: Any) -> Any:
    if field in _TIMES:
        return _time(value)
    if field == "backoff" and isinstance(value, dict) and "cap" in value:
        return {**value, "cap": _seconds("backoff.cap", value["cap"])}
    return _seconds(field, value) if field in _DURATIONS else value


def _seconds(field: str, value: Any) -> Any:
    """Return the seconds of a duration in words; else the value as it is. A number alone is no text."""
    if not isinstance(value, str):
        return value
    if (found := seconds_in(value)) is None or not value[-1].isalpha():
        raise InvalidInput(field, f"is no duration: give {SUCH_DURATIONS}")
    return found


def _time(value: Any) -> Any:
    """Return the time in a text of ISO 8601, of which the validator knows one form alone; else the value as it is."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _refuse_nul(field: str, value: Any) -> None:
    # Neither a command nor its environment can hold NUL; `meta` and a task's arguments are data, and may.
    texts: Collection[Any]
    if field in _OF_TASKS:
        return
    if isinstance(value, str):
        texts = (value,)
    elif isinstance(value, dict) and field == "env":
        texts = [*value, *value.values()]
    else:
        texts = value if isinstance(value, list) else ()
    for text in texts:
        if isinstance(text, str) and "\x00" in text:
            raise InvalidInput(field, "holds a NUL character")


def _convert(given: Mapping[str, Any]) -> Fields:
    if isinstance(env := given.get("env"), dict):
        for name, value in env.items():
            if not isinstance(value, str):  # the validator does not say which
                raise InvalidInput(f"env.{name}", "expected text")
    try:
        return msgspec.convert(given, Fields)
    except msgspec.ValidationError as error:
        raise unfit(error) from None


def unfit(error: msgspec.ValidationError) -> InvalidInput:
    """Return the validator's error as one that begins with the field's name."""
    problem, _, path = str(error).partition(" - at ")
    field = path.strip("`").removeprefix("$").lstrip(".")
    if unknown := re.search(r"unknown field `(.*)`", problem):
        parts = one_of("its parts", unknown[1], AskedBackoff.__struct_fields__)  # no other field has any
        return InvalidInput(f"{field}.{unknown[1]}", f"is no part of {field}{parts}")
    return InvalidInput(field, NO_NAME if "regex" in problem else plainly(problem))


_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a JSON object",
    "datetime": "a time, such as 2030-01-31T08:00:00Z",
}


def plainly(problem: str) -> str:
    """Return what the validator says without Python's names of types, to go on after a field's name."""
    problem = problem.replace(" | null", "").replace("Invalid RFC3339 encoded datetime", "Expected `datetime`")
    problem = re.sub("`([a-z]+)`", lambda found: _WORDS.get(found[1], found[1]), problem).replace("`", "")
    problem = re.sub(r"(\d)\.0\b", r"\1", problem)
    return problem[:1].lower() + problem[1:]


def check_together(fields: Fields) -> None:
    """Refuse fields that cannot be beside each other, and what such a field cannot hold. Raises InvalidInput."""
    if fields.id is not None and fields.key is not None:
        raise InvalidInput("key", "cannot be given together with id: each of them names the job")
    if fields.run_at is not None and fields.delay is not None:
        raise InvalidInput("delay", "cannot be given together with run_at: each of them sets the time")
    if fields.expires is not None and fields.expires_at is not None:
        raise InvalidInput("expires", "cannot be given together with expires_at: each of them sets the time")
    for name in _TIMES:
        at = getattr(fields, name)
        if at is not None and at.tzinfo is None:
            raise InvalidInput(name, "needs a time zone, such as 2030-01-31T08:00:00Z or +01:00")
        if at is not None and not 1970 <= at.year <= 9000:
            raise InvalidInput(name, "is outside the years 1970 to 9000")
    if fields.run_at and fields.expires_at and fields.expires_at <= fields.run_at:
        raise InvalidInput("expires_at", "is not after run_at")
    if fields.command is not None:
        _check_text_of("command", fields.command)
    for name, value in (fields.env or {}).items():
        if not name or "=" in name:
            raise InvalidInput("env", f"cannot have a variable named {name!r}")
        _check_text_of("env", f"{name}={value}")


_OF_COMMANDS, _OF_TASKS = ("env", "cwd"), ("args", "kwargs")


def _check_what_runs(fields: Fields) -> None:
    if fields.command is not None and fields.task is not None:
        raise InvalidInput("task", "cannot be given together with command: each of them says what the job runs")
    foreign = _OF_COMMANDS if fields.command is None else _OF_TASKS
    for name in foreign:
        if getattr(fields, name) is not None:
            other = "a task, which runs within its worker" if fields.command is None else "a command"
            raise InvalidInput(name, f"cannot be given for {other}")


def _check_text_of(field: str, text: str) -> None:
    if 4 * len(text) > TEXT_MAX and (size := len(text.encode())) > TEXT_MAX:
        raise InvalidInput(
            field, f"has {size:,} bytes in one text; {TEXT_MAX:,} are the most that Linux starts a job with"
        )
