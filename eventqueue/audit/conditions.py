"""Conditions on an event's fields, such as `data.exit_code=7`: from text to what tells whether it holds. Pure.

A field that an event leaves out has its default, so a condition is held against the event as it is read and not as it
is stored; the filter for the database only leaves out what cannot fit.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from eventqueue.audit.fitting import askable
from eventqueue.errors import InvalidInput
from eventqueue.model.events import CATEGORIES, EVENT_TYPES, Recorded, type_of
from eventqueue.model.figures import instant
from eventqueue.model.names import one_of

ENVELOPE = ("stream", "version", "type", "at", "actor", "cause", "id", "hash", "prev", "bucket", "data")
_FORM = re.compile(r"\s*([A-Za-z_][\w.$-]*)\s*(!=|<=|>=|=|<|>|~)\s*(.*?)\s*", re.DOTALL)
_ORDERED: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_HEX = re.compile(r"([0-9a-f]{2})+")


class Condition(msgspec.Struct, frozen=True):
    """That a field, by its path of names, stands in this relation to a value, given as text."""

    path: tuple[str, ...]
    relation: str  # = != < <= > >= or ~: has that text in it
    text: str

    def holds(self, one: Recorded) -> bool:
        """Whether it holds of an event; one that has no such field fits no condition but `!=`."""
        values = list(_at(one, self.path))
        if self.relation == "!=":
            return not any(_equals(value, self.text) for value in values)
        return any(self._fits(value) for value in values)

    def _fits(self, value: Any) -> bool:
        match self.relation:
            case "=":
                return _equals(value, self.text)
            case "~":
                return self.text.casefold() in _shown(value).casefold()
            case relation:
                return any(_compares(_ORDERED[relation], value, asked) for asked in _meanings(self.text))

    def query(self) -> Mapping[str, Any]:
        """Return a filter on stored events that lets through at least all of which it holds."""
        if self.relation == "!=" or self.path[0] != "data" or len(self.path) == 1:
            return {}
        fitting = [name for name, kind in EVENT_TYPES.items() if self.path[1] in kind.__struct_fields__]
        query: dict[str, Any] = {"type": {"$in": fitting}}
        if self.relation == "=" and (asked := askable(_meanings(self.text))) is not None:
            query[".".join(self.path)] = {"$in": [*asked, None]}  # None: what is left out, too
        return query


def parse(text: str) -> Condition:
    """Return the condition in a text. Raises InvalidInput for one that is none, or names no field of any event."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise InvalidInput("where", f"{text!r} is no condition: give FIELD=VALUE, such as data.exit_code=7")
    path = tuple(found[1].split("."))
    if path[0] not in ENVELOPE or "" in path:
        raise InvalidInput("where", f"{path[0]!r} is no field of an event{one_of('the fields', path[0], ENVELOPE)}")
    if path[0] == "data" and len(path) > 1 and path[1] not in (names := _data_fields()):
        raise InvalidInput("where", f"no event has a field data.{path[1]}{one_of('the fields', path[1], names)}")
    return Condition(path, found[2], found[3])


def _data_fields() -> Sequence[str]:
    kinds = [kind for kinds in CATEGORIES.values() for kind in kinds]
    return sorted({name for kind in kinds for name in kind.__struct_fields__})


def _at(one: Recorded, path: Sequence[str]) -> Iterator[Any]:
    first, *rest = path
    if first == "type":
        yield from _below(type_of(one.event), rest)
    else:
        yield from _below(one.event if first == "data" else getattr(one, first), rest)


def _below(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """Yield what stands at a path below `value`; of several, each."""
    if isinstance(value, list | tuple):
        for one in value:
            yield from _below(one, path)
    elif not path:
        yield value
    elif isinstance(value, msgspec.Struct):
        if path[0] in value.__struct_fields__:
            yield from _below(getattr(value, path[0]), path[1:])
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _below(value[path[0]], path[1:])


def _meanings(text: str) -> Sequence[Any]:
    """Return what a text may stand for: itself, a JSON value, a time, bytes in hex."""
    found: list[Any] = [text]
    with suppress(msgspec.DecodeError, RecursionError):
        found.append(msgspec.json.decode(text))
    with suppress(ValueError):
        at = datetime.fromisoformat(text)
        found.append(at if at.tzinfo else at.replace(tzinfo=UTC))
    if _HEX.fullmatch(text):
        found.append(bytes.fromhex(text))
    return found


def _equals(value: Any, text: str) -> bool:
    # By type, too: True is no 1.
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in _meanings(text))


def _compares(relation: Callable[[Any, Any], bool], value: Any, asked: Any) -> bool:
    try:
        return relation(value, asked)
    except TypeError:
        return False


def _shown(value: Any) -> str:
    match value:
        case str():
            return value
        case bytes():
            return value.hex()
        case datetime():
            return instant(value)
        case _:
            return msgspec.json.encode(value).decode()
