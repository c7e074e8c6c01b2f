"""What there is to know of an event without reading all of it: for who goes through very many. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from bson.timestamp import Timestamp

from eventqueue.model.codec import EPOCH

FIELDS = {
    "type": 1,
    "at": 1,
    "ts": 1,
    "data.queue": 1,
    "data.nth": 1,
    **{f"data.{when}.queue": 1 for when in ("was", "now")},
}
"""Of a stored event, what its mark is made of."""


class Mark(msgspec.Struct, frozen=True, gc=False):
    """An event's place, type and times; of an `enqueued` also the queue, and which job of its call it is.

    Of one that moves a job into another queue `queue` is that, and `left` the one that it was in.
    """

    stream: str
    version: int
    type: str
    at: datetime
    ts: Timestamp | None
    queue: str | None = None
    nth: int = 0
    left: str | None = None


def mark_of(document: Mapping[str, Any]) -> Mark | None:
    """Return the mark in a stored document, None for one that stands in no stream."""
    place, at, ts, data = document.get("_id"), document.get("at"), document.get("ts"), document.get("data")
    stream, version = (place.get("stream"), place.get("version")) if isinstance(place, dict) else (None, None)
    if not isinstance(stream, str) or not isinstance(version, int):
        return None
    data = data if isinstance(data, dict) else {}
    queue, left, nth = data.get("queue", _queue_in(data, "now")), _queue_in(data, "was"), data.get("nth")
    return Mark(
        stream,
        version,
        str(document.get("type")),
        at if isinstance(at, datetime) else EPOCH,
        ts if isinstance(ts, Timestamp) else None,
        queue if isinstance(queue, str) else None,
        nth if isinstance(nth, int) else 0,
        left if isinstance(left, str) else None,
    )


def _queue_in(data: Mapping[str, Any], when: str) -> Any:
    terms = data.get(when)
    return terms.get("queue") if isinstance(terms, dict) else None
