"""What may be typed where: durations, times, variables and JSON objects, from text to values."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeVar

import click

from eventqueue.errors import InvalidInput
from eventqueue.model import times
from eventqueue.model.durations import SUCH_DURATIONS, seconds_in
from eventqueue.model.names import meant
from eventqueue.system.zones import zone
from eventqueue.telling.zone import moment

_SIZE = re.compile(r"([0-9]{1,12})([kKmMgGtT]?)(?:i?[bB])?")
SUCH_TIMES = "such as 10m (ago), 03:12, yesterday 18:00 or 2026-11-28T03:12 (UTC unless a zone is given)"
SUCH_COMING = "such as 10m, 18:00Z, tomorrow 18:00 Europe/Berlin or 2026-11-28T03:12Z"
TIMES = ("run_at", "expires_at")  # fields of a job that are times
Typed = times.Typed
SKEW = timedelta(seconds=1)  # by which what somebody has just read from the log may be ahead of our clock

F = TypeVar("F", bound=Callable[..., Any])


class Text(click.ParamType[str]):
    """Any text that is UTF-8: other bytes reach Python as lone surrogates, which neither BSON nor JSON takes."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """See click.ParamType."""
        try:
            value.encode()
        except UnicodeEncodeError:
            self.fail("it is not valid UTF-8", param, ctx)
        return value


class Named(Text):
    """A name that may stand for another: which one is looked for once all of the line is read."""

    def meant(self, ctx: click.Context, typed: str) -> str:  # noqa: ARG002 - for those that look for one
        """Return the name that is meant."""
        return typed


class File(click.Path):
    """A file's name as it was typed; that it can be read is for who opens it to find out."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002
        """See click.ParamType. Nothing is looked at: a locale may lack letters that the name has."""
        return value


class Seconds(click.ParamType[float]):
    """A duration: seconds, or with units, such as `10m` or `1h30m`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See click.ParamType."""
        if isinstance(value, float):
            return value
        # With a sign, too: who asks for less than nothing is told what is the least.
        found = seconds_in(value.removeprefix("-") if value.startswith("-") else value.removeprefix("+"))
        if found is None:
            self.fail(f"{value!r} is no duration: give {SUCH_DURATIONS}", param, ctx)
        return -found if value.startswith("-") else found


class Span(Seconds):
    """A duration that is not negative."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See click.ParamType."""
        if (seconds := super().convert(value, param, ctx)) < 0:
            self.fail(f"{value} is negative: give 0 or more", param, ctx)
        return seconds


MEMORY_LEAST = 16 * 1024 * 1024  # bytes


class Size(click.ParamType[int]):
    """An amount of memory: bytes, or a number with a unit, such as `512M`; of 1,024 each."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """See click.ParamType."""
        if isinstance(value, int):
            return value
        if not (found := _SIZE.fullmatch(value)):
            self.fail(f"{value!r} is no size: give bytes, or a unit too, such as 512M or 2G", param, ctx)
        size = int(found[1]) * int(1024 ** (" KMGT".index(found[2].upper() or " ")))
        if size < MEMORY_LEAST:
            self.fail(f"{value} is less than any process takes: give 16M at least", param, ctx)
        return size


class When(click.ParamType[Typed]):
    """A time, see `model.times`: UTC unless it says otherwise; `ahead`: one that is looked forward to, and not back."""

    def __init__(self, *, ahead: bool = False) -> None:
        self.name = "time" if ahead else "ago|time"
        self._ahead = ahead

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> Typed:
        """See click.ParamType."""
        try:
            return times.typed(value, UTC, zone, ahead=self._ahead)
        except InvalidInput as error:
            self.fail(error.problem, param, ctx)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time: give one {SUCH_TIMES}", param, ctx)


class Choice(click.Choice[str]):
    """One of these words."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:  # noqa: ARG002 - click passes it
        """See click.Choice: in the words of all other names that are none's."""
        words = list(map(str, self.choices))
        return f"{value!r} is none of these{meant(value, words)}: {', '.join(words)}"


class Variable(click.ParamType[tuple[str, str]]):
    """`NAME=VALUE`."""

    name = "name=value"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """See click.ParamType."""
        name, equals, content = value.partition("=")
        if not equals:
            self.fail(f"{value!r} has no `=`: give NAME=VALUE", param, ctx)
        return name, content


class Fingerprint(click.ParamType[str]):
    """What `queuectl errors` prints before each kind of failure."""

    name = "fingerprint"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """See click.ParamType."""
        from eventqueue.model.fingerprint import PATTERN

        if not re.fullmatch(PATTERN, value):
            self.fail(f"{value!r} is no fingerprint: `queuectl errors` shows them", param, ctx)
        return value


class Meta(click.ParamType[dict[str, Any]]):
    """A JSON object."""

    name = "json"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """See click.ParamType."""
        try:
            return json_object(value, "it", '{"customer": 7}')
        except InvalidInput as error:
            self.fail(str(error), param, ctx)


class Arguments(click.ParamType[dict[str, Any]]):
    """The arguments of a task: a JSON list, or a JSON object of those by name; as the fields of its job."""

    name = "json"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """See click.ParamType."""
        try:
            found = json_value(value, "it")
        except InvalidInput as error:
            self.fail(str(error), param, ctx)
        if not isinstance(found, list | dict):
            self.fail("""it is neither a JSON list nor a JSON object: give ["ann", 3] or {"to": "ann"}""", param, ctx)
        return {"args" if isinstance(found, list) else "kwargs": found}


TEXT, FILE, SECONDS, SPAN, SIZE, VARIABLE = Text(), File(), Seconds(), Span(), Size(), Variable()
WHEN, WHEN_AHEAD = When(), When(ahead=True)
FINGERPRINT, META, ARGUMENTS = Fingerprint(), Meta(), Arguments()


def moment_option(*names: str, help: str, default: str | None = None) -> Callable[[F], F]:  # noqa: A002 - as click has it
    """Return an option that is a time; what may be typed is told behind `help`."""
    return click.option(
        *names, type=WHEN, default=default, show_default=default is not None, help=f"{help}, {SUCH_TIMES}."
    )


def time_of(typed: Typed, now: datetime, option: str = "since") -> datetime:
    """Return the time that is meant at `now`; of a time of day its last one.

    Raises InvalidInput for one beyond the calendar.
    """
    try:
        return times.meant_at(typed, now)
    except OverflowError:
        raise InvalidInput(option, "is longer ago than the calendar reaches") from None


def coming(text: str, field: str) -> Typed:
    """Return the time in a text, which is yet to come. Raises InvalidInput for none, and for one without a zone."""
    try:
        return times.typed(text, None, zone, ahead=True)
    except InvalidInput as error:
        raise InvalidInput(field, error.problem) from None
    except times.NoZone:
        raise InvalidInput(field, f"needs a time zone, {SUCH_COMING}") from None
    except (ValueError, OverflowError):
        raise InvalidInput(field, f"{text!r} is no time: give one {SUCH_COMING}") from None


def coming_at(one: Typed, now: datetime, field: str) -> datetime:
    """Return the time that is meant at `now` by `coming`. Raises InvalidInput for one beyond the calendar."""
    try:
        return times.meant_at(one, now, ahead=True)
    except OverflowError:
        raise InvalidInput(field, "is further away than the calendar reaches") from None


def timed(asked: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
    """Return the fields of a job that is typed as JSON with its times, which may be as options have them, as moments.

    Raises InvalidInput.
    """
    typed = {name: value for name, value in asked.items() if name.replace("-", "_") in TIMES and _is_typed(value)}
    return {**asked, **{name: coming_at(coming(value, name), now, name) for name, value in typed.items()}}


def _is_typed(value: Any) -> bool:
    """Whether it is a time that a person has typed, and none of ISO 8601, which is the same moment for ever."""
    if not isinstance(value, str):
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return True
    return False


def since_of(typed: Typed | None, now: datetime) -> datetime | None:
    """Return the time from which on something is to be told, None for all times.

    Raises InvalidInput for one that is yet to come: of that nothing is found, as if all were well.
    """
    if typed is None:
        return None
    since = time_of(typed, now)
    if since > now + SKEW:
        raise InvalidInput("since", f"lies in the future: there is nothing after {moment(now, 'seconds')}")
    return since


def until_of(typed: Typed | None, since: datetime | None, now: datetime) -> datetime | None:
    """Return the time up to which something is to be told, None for all times.

    Of a time of day the first one after `since`. Raises InvalidInput for one that lies before `since`: nothing is found
    between them, as if nothing had happened.
    """
    if typed is None:
        return None
    until = time_of(typed, now, "until")
    if since is not None and isinstance(typed, time) and until < since:
        until = coming_at(typed, since, "until")  # on a night when clocks are changed a day has not 24 hours
    if since is not None and until < since:
        raise InvalidInput("until", f"lies before the beginning: that is {moment(since, 'seconds')}")
    return until


def json_object(text: str, what: str, such: str = '{"command": "echo hello"}') -> dict[str, Any]:
    """Return the one JSON object in `text`, as `json_value`; `such` is an example. Raises InvalidInput."""
    value = json_value(text, what)
    if not isinstance(value, dict):
        raise InvalidInput("", f"{what} is no JSON object, such as {such}.")
    return value


def json_value(text: str, what: str) -> Any:
    """Return the one JSON value in `text`, strictly: no name twice, no NaN, nothing after it.

    Raises InvalidInput; `what` is what the text should have been.
    """
    import json

    try:
        return json.loads(text, object_pairs_hook=_once_each, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise InvalidInput("", f"{what} is no valid JSON: {error.msg} at character {error.pos + 1}.") from None
    except RecursionError:
        raise InvalidInput("", f"{what} is nested too deep.") from None
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidInput("", f"{what} is no valid JSON: {error}.") from None


def _once_each(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(twice, "is given twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise InvalidInput("", f"{name} is no JSON value.")


def shown_path(path: str) -> str:
    """Return a path as it can be printed: its bytes need not be text."""
    return os.fsencode(path).decode(errors="backslashreplace")
