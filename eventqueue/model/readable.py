"""Streams of which the last good state holds: what cannot be read of them is passed over, and who reads them is told.

For settings, pauses and late results, which many need: one event that cannot be read must not stop them all. (A job's
own stream is another matter: nobody may act on a job of which he cannot read everything.) What a hand has put where
nothing can follow is passed over as well, or nobody could ever undo it. Pure.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeVar

import bson
import msgspec
from bson.timestamp import Timestamp

from eventqueue.errors import LogCorrupt
from eventqueue.model.codec import LENIENT, decode, head_of, stream_in, version_in
from eventqueue.model.events import EMPTY, Head, Recorded

T = TypeVar("T")
FAR = 2**32  # a version to which no stream of those comes, one event after the other


class Readable(msgspec.Struct, frozen=True):
    """What can be read of a stream, and where that stands: also behind an event that cannot be read.

    `problem`: why its last event cannot be read, if it cannot; once another one follows, somebody has looked.
    """

    events: Sequence[Recorded] = ()
    head: Head = EMPTY
    problem: str | None = None


def read(history: Sequence[bytes], after: Head = EMPTY) -> Readable:
    """Return what can be read of a stream's events as stored, of those behind `after`."""
    events: list[Recorded] = []
    problem, came_to = None, reached(history, after.version)
    for raw in came_to:
        try:
            events.append(decode(raw))
            problem = None
        except LogCorrupt as error:
            problem = str(error)
    return Readable(events, head_of(came_to[-1]) if came_to else after, problem)


def reached(history: Sequence[bytes], after: int = 0) -> Sequence[bytes]:
    """Return the stored events, of those behind version `after`, that the stream has come to.

    Beyond FAR that is what follows the event before it, and nothing else: where people once went on they still do.
    """
    if not history or not is_far(version_in(history[-1]) or 0):
        return history
    versions = [after, *(version_in(raw) or 0 for raw in history)]
    leaps = (place for place, (one, next_) in enumerate(pairwise(versions)) if is_far(next_) and next_ != one + 1)
    return history[: next(leaps, len(history))]


def is_far(version: int) -> bool:
    """Whether the event at a version may be none that its stream has come to: `reached` tells, of the whole of it."""
    return version > FAR


def last_good(history: Sequence[bytes], evolve: Callable[[Recorded], T], nothing: T) -> tuple[T, Head, str | None]:
    """Return what the last event that says something says of a stream, of which each says all there is to say.

    Then where the stream stands, and why its last event says nothing, if it does not. `nothing`: where none does;
    `evolve` raises LogCorrupt for such an event.
    """
    found = read(history)
    problem = found.problem
    for recorded in reversed(found.events):
        try:
            return evolve(recorded), found.head, problem
        except LogCorrupt as error:
            problem = problem or str(error)
    return nothing, found.head, problem


def unreached(history: Sequence[bytes]) -> str | None:
    """Return what stands where the stream never came to, in words without a full stop, if something does."""
    if len(came_to := reached(history)) == len(history):
        return None
    first = history[len(came_to)]
    return (
        f"{stream_in(first)} holds an event at version {version_in(first)}, where a hand has put it: it is passed over"
    )


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
