"""What may be asked for of a job, field by field: what each may be, alone and beside the others."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from eventqueue.errors import InvalidInput
from eventqueue.model.asked import in_json
from eventqueue.model.codec import check_data
from eventqueue.model.durations import SUCH_DURATIONS, seconds_in
from eventqueue.model.names import by_known, one_of
from eventqueue.model.retry import LONGEST_S, Fraction, Seconds

# `$` alone would let a last newline in. What begins with `-` would be an option where it is typed, or passed on to a
# command: `xargs queuectl cancel` of a job `--all` cancelled them all.
NAME = r"^(?!-)[A-Za-z0-9._:-]{1,128}$(?!\n)"
NO_NAME = "may hold letters, digits and . _ : - only, 1 to 128 of them, and may not begin with -"
TEXT_MAX = 128 * 1024 - 1  # bytes of one argument, or of one variable with its name: MAX_ARG_STRLEN, and a NUL
_TIMES, _DURATIONS = ("run_at", "expires_at"), ("delay", "expires", "timeout")

Name = Annotated[str, Meta(pattern=NAME)]
Label = Annotated[str, Meta(min_length=1, max_length=128)]
Whole = Annotated[int, Meta(ge=-(2**31), lt=2**31)]


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


def check_name(name: str, field: str) -> str:
    """Return a name of a queue that is one. Raises InvalidInput naming `field`."""
    if not re.search(NAME, name):
        raise InvalidInput(field, NO_NAME)
    return name


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


def check_what_runs(fields: Fields) -> None:
    """Raise InvalidInput where both a command and a task are asked for, or what only the other one takes."""
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
