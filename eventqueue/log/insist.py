"""Look, decide, append: and again where somebody else was first, for what people ask for is to happen all the same.

(A claim, a settle or a rescue that conflicts is over instead: its right was in the version.)
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from eventqueue.model.codec import seal
from eventqueue.model.events import Event, Head
from eventqueue.ports.log import Append, EventLog

Decision = tuple[Head, Sequence[Event]]
"""Where the stream stood, and what is to be appended there; nothing: it is as it was asked for already."""


def insist(
    log: EventLog, stream: str, look: Callable[[], Decision], *, actor: str, now: Callable[[], datetime]
) -> Append | None:
    """Append what `look` decides on, looking anew after each conflict; None where there was nothing to append.

    Raises LogUnavailable where the outcome is in doubt, or what refuses the events.
    """
    while True:
        head, events = look()
        if not events:
            return None
        append = Append(seal(stream, head, events, actor=actor, now=now()))
        (result,) = log.append([append])
        if result.error is not None:
            raise result.error
        if result.is_whole:
            return append
