"""What may be typed where: durations, times, variables and JSON objects, from text to values."""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from eventqueue.errors import InvalidInput

_UNITS = {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(ms|s|m|h|d|w)?")


class Text(click.ParamType[str]):
    """Any text that is UTF-8: other bytes reach Python as lone surrogates, which neither BSON nor JSON takes."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        """See click.ParamType. Raises InvalidInput."""
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InvalidInput(_typed_name(param), "is not valid UTF-8") from None
        return value


class File(click.Path):
    """A file's name as it was typed; that it can be read is for who opens it to find out."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002
        """See click.ParamType. Nothing is looked at: a locale may lack letters that the name has."""
        return value


class Seconds(click.ParamType[float]):
    """A duration: seconds, or a number with a unit, such as `10m`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See click.ParamType."""
        if isinstance(value, float):
            return value
        if not (found := _DURATION.fullmatch(value)):
            self.fail(f"{value!r} is no duration: give seconds, or a unit too, such as 10m, 2h or 3d", param, ctx)
        return float(found[1]) * _UNITS[found[2] or ""]


class Since(click.ParamType[datetime | timedelta]):
    """A time in ISO 8601 (UTC unless it says otherwise), or how long ago, such as `10m`."""

    name = "ago|time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> datetime | timedelta:
        """See click.ParamType."""
        try:
            if found := _DURATION.fullmatch(value):
                return timedelta(seconds=float(found[1]) * _UNITS[found[2] or ""])
            at = datetime.fromisoformat(value)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no time: give ISO 8601, or how long ago, such as 10m, 2h or 3d", param, ctx)


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


def _typed_name(param: click.Parameter | None) -> str:
    if isinstance(param, click.Option):
        return param.opts[0].lstrip("-")
    return param.human_readable_name if param else ""


TEXT, FILE, SECONDS, SINCE, VARIABLE = Text(), File(), Seconds(), Since(), Variable()
FINGERPRINT = Fingerprint()


def time_of(since: datetime | timedelta, now: datetime, option: str = "since") -> datetime:
    """Return the time that is meant at `now`. Raises InvalidInput for one before the calendar begins."""
    try:
        return since if isinstance(since, datetime) else now - since
    except OverflowError:
        raise InvalidInput(option, "is longer ago than the calendar reaches") from None


def json_object(text: str, what: str, such: str = '{"command": "echo hello"}') -> dict[str, Any]:
    """Return the one JSON object in `text`, strictly: no name twice, no NaN, nothing after it.

    Raises InvalidInput; `what` is what the object should have been, `such` an example.
    """
    import json

    try:
        value = json.loads(text, object_pairs_hook=_once_each, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        raise InvalidInput("", f"{what} is no valid JSON: {error.msg} at character {error.pos + 1}.") from None
    except RecursionError:
        raise InvalidInput("", f"{what} is nested too deep.") from None
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidInput("", f"{what} is no valid JSON: {error}.") from None
    if not isinstance(value, dict):
        raise InvalidInput("", f"{what} is no JSON object, such as {such}.")
    return value


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
