"""Appending what nothing follows from: that something was done. It must stop nobody from doing it.

Whatever somebody has put into such a stream, what should be told is told, if it can be, and else it is said that it
cannot.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime

from eventqueue.errors import InvalidInput, LogCorrupt
from eventqueue.log.insist import Decision, insist
from eventqueue.model import readable
from eventqueue.model.events import EMPTY, Event, Head, Recorded
from eventqueue.ports.log import EventLog

logger = logging.getLogger(__name__)


def note(
    log: EventLog,
    stream: str,
    tell: Callable[[Sequence[Recorded]], Sequence[Event]],
    *,
    actor: str,
    now: Callable[[], datetime],
    seen: Head = EMPTY,
) -> None:
    """Append what `tell` makes of what can be read of a stream behind `seen`.

    Raises Unavailable, LogUnavailable or AccessDenied.
    """

    def look() -> Decision:
        found = readable.read(log.read_raw(stream, seen.version), seen)
        return found.head, tell(found.events)

    try:
        insist(log, stream, look, actor=actor, now=now)
    except (LogCorrupt, InvalidInput, TypeError, ValueError, KeyError) as error:
        logger.warning("what was done is not told in %s, in which somebody has put what is no event: %s", stream, error)
