"""Whether bytes are an event as a log can have one: a document that the server takes, and keeps as it is. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

import bson
from bson.timestamp import Timestamp

from eventqueue.model.codec import LENIENT

SIZE_MAX = 16 * 1024 * 1024  # bytes
LEVELS_MAX = 180  # of documents and lists in one another
_STAMPED = Timestamp(0, 0)  # the server puts its own time there


def fault_of(raw: bytes) -> str | None:
    """Return what keeps bytes from being a stored event, None where nothing does."""
    if len(raw) > SIZE_MAX:
        return f"has {len(raw):,} bytes, and MongoDB takes {SIZE_MAX:,}"
    try:
        document = bson.decode(raw, LENIENT)
    except bson.errors.InvalidBSON:
        return f"is no BSON document of at most {LEVELS_MAX} levels"
    except (ValueError, OverflowError):  # what Python cannot hold, a log may
        return None
    if "_id" not in document:
        return "has no `_id`"
    if _STAMPED in document.values():
        return "was never stored: it has no time of a server's"
    # A level needs a byte that says so: nearly always there are too few of them for it to be worth a look.
    is_deep = raw.count(b"\x03") + raw.count(b"\x04") > LEVELS_MAX and _is_deep(document)
    return f"is nested deeper than {LEVELS_MAX} levels" if is_deep else None


def _is_deep(document: Mapping[str, Any]) -> bool:
    level: list[Any] = [document]
    for _ in range(LEVELS_MAX + 1):
        level = [inner for one in level for inner in _inside(one) if isinstance(inner, Mapping | list)]
    return bool(level)


def _inside(one: Any) -> Iterable[Any]:
    return one.values() if isinstance(one, Mapping) else one
