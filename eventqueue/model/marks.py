"""What there is to know of an event without reading all of it: for who goes through very many. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from bson.timestamp import Timestamp

from eventqueue.model.codec import EPOCH

FIELDS = {"type": 1, "at": 1, "ts": 1, "data.queue": 1, "data.nth": 1}
"""Of a stored event, what its mark is made of."""


class Mark(msgspec.Struct, frozen=True, gc=False):
    """An event's place, type and times; of an `enqueued` also the queue, and which job of its call it is."""

    stream: str
    version: int
    type: str
    at: datetime
    ts: Timestamp | None
    queue: str | None = None
    nth: int = 0


def mark_of(document: Mapping[str, Any]) -> Mark | None:
    """Return the mark in a stored document, None for one that stands in no stream."""
    place, at, ts, data = document.get("_id"), document.get("at"), document.get("ts"), document.get("data")
    stream, version = (place.get("stream"), place.get("version")) if isinstance(place, dict) else (None, None)
    if not isinstance(stream, str) or not isinstance(version, int):
        return None
    queue, nth = (data.get("queue"), data.get("nth")) if isinstance(data, dict) and data else (None, None)
    return Mark(
        stream,
        version,
        str(document.get("type")),
        at if isinstance(at, datetime) else EPOCH,
        ts if isinstance(ts, Timestamp) else None,
        queue if isinstance(queue, str) else None,
        nth if isinstance(nth, int) else 0,
    )
