"""The tables of docs/format.md of what events hold, made of the events: `python -m tests.kinds` renews them."""

import inspect
import types
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from eventqueue import connect
from eventqueue.model.events import CATEGORIES

assert connect  # which makes all categories known

DOCUMENT = Path(__file__).parents[1] / "docs" / "format.md"
BEGIN, END = "<!-- the tables: made by tests/kinds.py -->\n", "<!-- the tables' end -->\n"
WORDS: dict[Any, str] = {
    str: "string",
    int: "int",
    float: "double",
    bool: "bool",
    bytes: "binary",
    datetime: "date",
    Any: "any value",
    dict: "document",
    Mapping: "document",
    list: "array",
}


def tables() -> str:
    """What each type of event holds, and what the documents within them do."""
    events = "".join(_row(category, kind) for category in _categories() for kind in CATEGORIES[category])
    return f"{HEAD}{events}\n{WITHIN}{''.join(map(_part, dict.fromkeys(_parts())))}"


HEAD = "| type | streams | what it says | its `data` |\n|---|---|---|---|\n"
WITHIN = "| within them | what it is | its fields |\n|---|---|---|\n"


def _categories() -> list[str]:
    """Those of jobs first; which were registered first depends on who was imported."""
    return sorted(CATEGORIES, key=lambda name: (name != "job", name))


def _row(category: str, kind: type[msgspec.Struct]) -> str:
    return f"| `{kind.__struct_config__.tag}` | `{category}-…` | {_said(kind)} | {_fields(kind)} |\n"


def _part(kind: type[msgspec.Struct]) -> str:
    tag = kind.__struct_config__.tag
    told = [f"`kind` `{tag}`"] if tag else []
    return f"| {kind.__name__.lower()} | {_said(kind)} | {', '.join([*told, _fields(kind)])} |\n"


def _said(kind: type[msgspec.Struct]) -> str:
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split()).replace("|", r"\|")


def _fields(kind: type[msgspec.Struct]) -> str:
    return ", ".join(map(_field, msgspec.structs.fields(kind))) or "nothing"


def _field(field: msgspec.structs.FieldInfo) -> str:
    told = f"`{field.encode_name}` {_word(field.type)}"
    if field.required:
        return told
    default = field.default if field.default is not msgspec.NODEFAULT else None
    is_empty = default in (None, "", (), {}, msgspec.UNSET) or isinstance(default, msgspec.Struct)
    return f"{told}?" if is_empty else f"{told} (`{str(default).lower()}`)"


def _word(kind: Any) -> str:
    if get_origin(kind) is Annotated:
        return _word(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        some = [one for one in get_args(kind) if one not in (types.NoneType, msgspec.UnsetType)]
        return " or ".join(map(_word, some))
    if get_origin(kind) is tuple:
        return f"array of {_word(get_args(kind)[0])}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "/".join(f"`{one.value}`" for one in kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind.__name__.lower()
    return WORDS[get_origin(kind) or kind]


def _parts() -> Iterator[type[msgspec.Struct]]:
    """Yield the documents that stand in events, and those that stand in these."""
    todo: list[type[msgspec.Struct]] = [kind for name in _categories() for kind in CATEGORIES[name]]
    while todo:
        found = [one for field in msgspec.structs.fields(todo.pop(0)) for one in _structs(field.type)]
        yield from found
        todo += found


def _structs(kind: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for one in get_args(kind):
        yield from _structs(one)


def told() -> str:
    """The tables as the document has them."""
    return DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    DOCUMENT.write_text(before + BEGIN + tables() + END + rest.partition(END)[2])
