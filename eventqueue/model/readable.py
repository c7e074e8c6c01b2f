"""Streams of which the last good state holds: what cannot be read of them is passed over, and who reads them is told.

For settings, pauses and late results, which many need: one event that cannot be read must not stop them all. (A job's
own stream is another matter: nobody may act on a job of which he cannot read everything.) Pure.
"""

from collections.abc import Sequence

import msgspec

from eventqueue.errors import LogCorrupt
from eventqueue.model.codec import decode, head_of
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
