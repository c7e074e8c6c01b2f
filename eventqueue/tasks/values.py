"""Python values as JSON values, and back by their annotations. Pure.

What goes in comes out, or is refused before it is stored: msgspec knows dataclasses, Structs, TypedDict, enums, times,
UUID, Decimal and bytes; here it learns paths and Pydantic's models. Nothing is pickled, so nothing is run by reading.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

import msgspec

# As themselves, when a value is held against its annotation: a text is none of them, though one would be read as such.
_OWN = (bytes, bytearray, datetime, date, time, timedelta, UUID, Decimal)


class Unfit(Exception):
    """A value is not of its type, or cannot be stored; the message goes on after the value's name."""


def encoded(value: Any, kind: Any) -> Any:
    """Return a value of type `kind` as a JSON value that `decoded` makes the same value of. Raises Unfit."""
    try:
        held = msgspec.convert(value, kind, builtin_types=_OWN, str_keys=True, dec_hook=_same)
        plain = plainly(value)
        back = decoded(plain, kind)
    except msgspec.ValidationError as error:
        raise Unfit(_in_words(error, kind)) from None
    except RecursionError:
        raise Unfit("is nested too deep") from None
    except (UnicodeError, OverflowError) as error:
        raise Unfit(f"cannot be read: {error}") from None
    if not _comes_back(value, held, back):
        raise Unfit(
            f"is {_a(value)}, and would come back as {_a(back)}: annotate it as what it is"
            if type(value) is not type(back)
            else "holds something that would come back as another type: annotate what is in it"
        )
    return plain


def plainly(value: Any) -> Any:
    """Return any value as a JSON value. Raises Unfit for one that has no such form."""
    try:
        return _in_order(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unfit(f"cannot be stored: {error}") from None


def _in_order(value: Any) -> Any:
    try:
        # The same set is the same list everywhere, so that the same call is the same job.
        return msgspec.to_builtins(value, str_keys=True, enc_hook=_plain, order="deterministic")
    except TypeError:  # a set of what has no order, perhaps
        return msgspec.to_builtins(value, str_keys=True, enc_hook=_plain)


def decoded(plain: Any, kind: Any) -> Any:
    """Return the value of type `kind` that a JSON value stands for. Raises Unfit."""
    try:
        return msgspec.convert(plain, kind, str_keys=True, dec_hook=_read)
    except msgspec.ValidationError as error:
        raise Unfit(_in_words(error, kind)) from None
    except RecursionError:
        raise Unfit("is nested too deep") from None
    except (UnicodeError, OverflowError) as error:
        raise Unfit(f"cannot be read: {error}") from None


def check_type(kind: Any) -> None:
    """Refuse a type of which no value could be read back. Raises Unfit."""
    try:
        found = msgspec.inspect.type_info(kind)
    except TypeError as error:
        raise Unfit(f"has a type that cannot be read back: {error}") from None
    for part in _parts(found, set()):
        if isinstance(part, msgspec.inspect.CustomType) and not _is_known(part.cls):
            name = getattr(part.cls, "__qualname__", str(part.cls))
            raise Unfit(f"is a {name}, which cannot be read back from JSON: a dataclass can, or what it is made of")


def _parts(found: Any, seen: set[Any]) -> Iterable[msgspec.inspect.Type]:
    """Yield a type and all that it is made of."""
    if isinstance(found, list | tuple):
        for one in found:
            yield from _parts(one, seen)
    elif isinstance(found, msgspec.inspect.Field):
        yield from _parts(found.type, seen)
    elif isinstance(found, msgspec.inspect.Type) and id(found) not in seen:
        seen.add(id(found))
        yield found
        for name in found.__struct_fields__:
            yield from _parts(getattr(found, name), seen)


def _is_known(kind: type) -> bool:
    return _is_path(kind) or hasattr(kind, "model_validate")


def _is_path(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, PurePath)


def _plain(value: Any) -> Any:
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "model_dump"):  # Pydantic's
        return _dumped(value)
    raise TypeError(f"{_a(value)} has no form in JSON")


def _dumped(model: Any) -> Any:
    """Return a Pydantic model as it is read again: by its aliases, or else by the names of its fields."""
    by_alias = model.model_dump(mode="json", by_alias=True)
    with suppress(ValueError):
        if type(model).model_validate(by_alias) == model:
            return by_alias
    return model.model_dump(mode="json")


def _read(kind: Any, plain: Any) -> Any:
    if _is_path(kind):
        if not isinstance(plain, str):
            raise ValueError(f"Expected a path, got {_a(plain)}")
        return kind(plain)
    if hasattr(kind, "model_validate"):
        return kind.model_validate(plain)
    raise ValueError(f"a {kind} cannot be read back")


def _same(kind: Any, value: Any) -> Any:
    """Let a value pass that is of its type, and one that Pydantic makes one of."""
    if isinstance(kind, type) and isinstance(value, kind):
        return value
    if hasattr(kind, "model_validate") and isinstance(value, Mapping):
        return _read(kind, value)
    raise ValueError(f"Expected {getattr(kind, '__qualname__', kind)}, got {_a(value)}")


def _comes_back(value: Any, held: Any, back: Any) -> bool:
    try:
        return _is_alike(value, back)
    except TypeError:  # lists, perhaps, in what is to be a set: as its annotation has them
        return _is_alike(held, back)


def _is_alike(value: Any, back: Any) -> bool:
    """Whether what would come back is what is given, but for the kind of container that its annotation names."""
    with suppress(Exception):  # whatever a value's own comparison does
        if type(value) is type(back) and bool(value == back):
            return True
    match value, back:
        case dict(), dict():
            return len(value) == len(back) and all(key in back and _is_alike(value[key], back[key]) for key in value)
        case (list() | tuple(), list() | tuple()):
            return len(value) == len(back) and all(map(_is_alike, value, back))
        case (set() | frozenset() | list() | tuple(), set() | frozenset()):
            return len(set(value)) == len(back) and all(one in back for one in value)
        case int(), float():
            return type(value) is int and value == back
        case _, Enum():
            return bool(value == back.value)
        case dict(), _:  # as its fields: read by its annotation
            return True
        case _ if type(value) is type(back):
            return all(_is_alike(getattr(value, name), getattr(back, name)) for name in _names(value))
    return False


def _names(value: Any) -> Iterable[str]:
    if isinstance(value, msgspec.Struct):
        return value.__struct_fields__
    if is_dataclass(value):
        return [one.name for one in fields(value)]
    return [one.name for one in getattr(value, "__attrs_attrs__", ())]


def _a(value: Any) -> str:
    name = type(value).__qualname__
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def _in_words(error: msgspec.ValidationError, kind: Any) -> str:
    problem, _, path = str(error).partition(" - at ")
    where = path.strip("`").removeprefix("$")
    if not where and isinstance(kind, type):  # a class of the user's is more than an object
        problem = problem.replace("Expected `object`", f"Expected `{kind.__qualname__}`")
    return f"{problem.replace('`', '')}{f' (at {where.lstrip(chr(46))})' if where else ''}"
