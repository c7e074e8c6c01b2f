"""Streams of which the last good state holds: what cannot be read of them is passed over, and who reads them is told.

For settings, pauses and late results, which many need: one event that cannot be read must not stop them all. (A job's
own stream is another matter: nobody may act on a job of which he cannot read everything.) Pure.
"""

from collections.abc import Sequence

import bson
import msgspec
from bson.timestamp import Timestamp

from eventqueue.errors import LogCorrupt
from eventqueue.model.codec import LENIENT, decode, head_of, stream_in, version_in
from eventqueue.model.events import EMPTY, Head, Recorded


class Readable(msgspec.Struct, frozen=True):
    """What can be read of a stream, and where that stands: also behind an event that cannot be read.

    `problem`: why its last event cannot be read, if it cannot; once another one follows, somebody has looked.
    """

    events: Sequence[Recorded] = ()
    head: Head = EMPTY
    problem: str | None = None


def read(history: Sequence[bytes]) -> Readable:
    """Return what can be read of a stream's events as stored."""
    events: list[Recorded] = []
    problem = None
    for raw in history:
        try:
            events.append(decode(raw))
            problem = None
        except LogCorrupt as error:
            problem = str(error)
    return Readable(events, head_of(history[-1]) if history else EMPTY, problem)


class Unreadable(msgspec.Struct, frozen=True):
    """An event that cannot be read, and why; `stream` is empty for one that stands in none."""

    stream: str
    version: int
    problem: str
    ts: Timestamp | None = None


Read = Recorded | Unreadable
"""An event as it was read, or that it could not be."""


def read_one(raw: bytes) -> Read:
    """Return a stored event, or why it cannot be read."""
    try:
        return decode(raw)
    except LogCorrupt as error:
        document = bson.decode(raw, LENIENT)
        ts, version = document.get("ts"), version_in(raw)
        return Unreadable(
            "" if version is None else stream_in(raw),
            version or 0,
            str(error),
            ts if isinstance(ts, Timestamp) else None,
        )
