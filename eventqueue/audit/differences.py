"""What differs between two versions of a job, or between two jobs, field by field. Pure."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import msgspec

from eventqueue.model.job import Job

_as_json = msgspec.json.Encoder(order="deterministic").encode

BY_ITSELF = frozenset({"hash"})  # no two versions have the same, and it says nothing of what they are


class Absent(msgspec.Struct, frozen=True):
    """In the place of a value where one of the two has no such field."""


ABSENT = Absent()


class Differing(msgspec.Struct, frozen=True):
    """A field, by the names that lead to it, and what the two have there; ABSENT where one has none."""

    path: tuple[str, ...]
    before: Any
    after: Any


def differences(before: Job, after: Job) -> list[Differing]:
    """Return in what two jobs differ, in the order of a job's fields, each told apart as deep as it goes."""
    return list(_between((), _fields(before), _fields(after)))


def _between(path: tuple[str, ...], before: Any, after: Any) -> Iterator[Differing]:
    one, other = _fields(before), _fields(after)
    if (one and other is None) or (other and one is None):  # such as the first error: told by its fields
        one, other = one or {}, other or {}
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in dict.fromkeys(chain(one, other)):
            if path or name not in BY_ITSELF:
                yield from _between((*path, name), one.get(name, ABSENT), other.get(name, ABSENT))
    elif _is_else(before, after):
        yield Differing(path, before, after)


def _fields(value: Any) -> Any:
    """Return what has fields as a mapping of them, and all else as it is."""
    if isinstance(value, msgspec.Struct) and value is not ABSENT:
        return {name: getattr(value, name) for name in value.__struct_fields__}
    return value


def _is_else(before: Any, after: Any) -> bool:
    if ABSENT in (before, after):
        return before is not after
    # By type, too: True is no 1. A NaN is the same as another.
    return type(before) is not type(after) or _as_json(before) != _as_json(after)
