"""The arguments of a public call, held against its annotations before anything is done with them.

A program that passes what is no argument is told which one it is, in the words of the call and not of what happened to
fail on it later.
"""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import wraps
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec.structs import asdict

from eventqueue.errors import InvalidInput
from eventqueue.model.codec import EPOCH, NAME_MAX, check_data
from eventqueue.model.durations import Duration, in_seconds
from eventqueue.model.fields import unfit
from eventqueue.model.names import one_of
from eventqueue.ports.views import Filter
from eventqueue.tasks.called import TaskCall

LONGEST = timedelta(days=36_500)
COUNT_MAX = 2**31 - 1

T = TypeVar("T")
Fits = Callable[[Any], bool]


def checked(cls: type[T]) -> type[T]:
    """Have each public method of a class, and its making, raise InvalidInput for an argument that does not fit."""
    for name, method in list(vars(cls).items()):
        if inspect.isfunction(method) and (name == "__init__" or not name.startswith("_")):
            setattr(cls, name, _checking(method))
    return cls


def _checking(method: Callable[..., Any]) -> Callable[..., Any]:
    hints = get_type_hints(method)
    parameters = [one for one in inspect.signature(method).parameters.values() if one.name in hints]
    fits = {one.name: _fits(hints[one.name]) for one in parameters if one.kind is not one.VAR_KEYWORD}
    in_order = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    rest = [one.name for one in parameters if one.kind is one.VAR_POSITIONAL]
    by_name = {one.name for one in parameters if one.kind in (one.KEYWORD_ONLY, one.POSITIONAL_OR_KEYWORD)}

    @wraps(method)
    def call(self: Any, *args: Any, **named: Any) -> Any:
        for name, value in zip(in_order + rest * len(args), args, strict=False):
            if not fits[name](value):
                raise InvalidInput(name, f"is {_shown(value)}; {_told(hints[name])}")
        for name, value in named.items():
            if name in by_name and not fits[name](value):
                raise InvalidInput(name, f"is {_shown(value)}; {_told(hints[name])}")
        return method(self, *args, **named)

    return call


def _fits(hint: Any) -> Fits:
    """Return what tells whether a value is one for this annotation."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        parts = get_args(hint)
        several = [_is_duration if one is timedelta and float in parts else _fits(one) for one in parts]
        return lambda value: any(one(value) for one in several)
    if origin is not None:
        return _fits_many(origin, get_args(hint))
    special: dict[Any, Fits] = {
        Any: lambda _: True,
        float: lambda value: type(value) in (int, float) and 0 <= value < float("inf"),  # seconds
        int: lambda value: type(value) is int and 0 <= value <= COUNT_MAX,
        str: _is_text,
        timedelta: lambda value: isinstance(value, timedelta) and timedelta(0) < value <= LONGEST,
    }
    return special.get(hint) or (lambda value: isinstance(value, hint))


def _is_duration(value: Any) -> bool:
    return isinstance(value, timedelta) and timedelta(0) <= value <= LONGEST


def _is_text(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return value.isascii() or bool(value.encode())
    except UnicodeEncodeError:
        return False


def _fits_many(origin: Any, parts: tuple[Any, ...]) -> Fits:
    if issubclass(origin, Mapping):
        return lambda value: type(value) is dict or isinstance(value, Mapping)
    if origin is Callable:
        return callable
    if not issubclass(origin, Iterable):
        return lambda value: isinstance(value, origin)
    part = _fits(parts[0])

    def fits(value: Any) -> bool:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, origin):
            return False
        # What can be gone through but once is looked at where it is.
        return not isinstance(value, Sequence) or all(map(part, value))

    return fits


def _shown(value: Any) -> str:
    text = repr(value)
    return f"a {type(value).__name__}" if len(text) > 40 else f"the {type(value).__name__} {text}"


_WORDS = {
    NoneType: "None",
    str: "a text (valid UTF-8)",
    float: "seconds, 0 or more",
    int: f"a whole number from 0 to {COUNT_MAX}",
    bool: "True or False",
    timedelta: "a timedelta longer than nothing",
    TaskCall: "a task's signature(…)",
}


def _told(hint: Any) -> str:
    return f"it must be {' or '.join(_words(hint))}"


def _words(hint: Any) -> list[str]:
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        parts = get_args(hint)
        return ["a timedelta" if one is timedelta and float in parts else word for one in parts for word in _words(one)]
    if origin is None:
        return [_WORDS.get(hint) or f"a {hint.__name__}"]
    if issubclass(origin, Mapping):
        return ["a mapping, such as {'command': 'make'}"]
    if issubclass(origin, Iterable):
        return [f"several, each {' or '.join(_words(get_args(hint)[0]))}"]
    return ["a function" if origin is Callable else _WORDS.get(origin) or f"a {origin.__name__}"]


def check_text(text: str, field: str) -> str:
    """Return `text`, which may be of several that can be gone through but once. Raises InvalidInput if it is none."""
    if not isinstance(text, str):
        raise InvalidInput(field, f"is a {type(text).__name__}; it must be a text")
    check_data(text, field)
    return text


def check_actor(actor: str) -> None:
    """Refuse a name in which nobody can act. Raises InvalidInput."""
    if not 0 < len(actor) <= NAME_MAX:
        raise InvalidInput("actor", f"must have 1 to {NAME_MAX} characters")
    if " as " in actor:
        raise InvalidInput("actor", "must not have ` as ` in it, behind which the database's user stands")


def selected(asked: Filter | None, fields: Mapping[str, Any]) -> Filter:
    """Return the filter that a caller gave, or the one of the fields that he gave instead. Raises InvalidInput."""
    for field in fields:
        if asked is not None:
            raise InvalidInput(field, "cannot be given together with a filter: it has a field for that")
        if field not in Filter.__struct_fields__:
            known = one_of("the fields", field, Filter.__struct_fields__)
            raise InvalidInput(field, f"is no field of a filter{known}")
    return fitting(Filter(**fields) if asked is None else asked)


def fitting(asked: Filter) -> Filter:
    """Return a filter each field of which is what it has to be. Raises InvalidInput."""
    fields = asdict(asked)
    for name, value in fields.items():
        if isinstance(value, str | tuple | list | dict):
            check_data(list(value) if isinstance(value, tuple) else value, name)
    if isinstance(asked.meta, Mapping) and not all(isinstance(one, str) for one in asked.meta.values()):
        raise InvalidInput("meta", "must have texts, such as {'customer': 'acme', 'number': '7'}")
    try:
        return msgspec.convert(fields, Filter)
    except msgspec.ValidationError as error:
        raise unfit(error) from None


def check_limit(limit: int, name: str = "limit") -> None:
    """Refuse to return none of what is asked for. Raises InvalidInput."""
    if limit < 1:
        raise InvalidInput(name, "must be at least 1")


def back(now: datetime, within: Duration) -> datetime:
    """Return when a time that ends now began, at the earliest 1970."""
    span = LONGEST if (seconds := in_seconds(within)) > LONGEST.total_seconds() else timedelta(seconds=seconds)
    return now - span if span < now - EPOCH else EPOCH
