"""A queue that is asked for by a name that none ever had: what judges a queue refuses such a name."""

from typing import TYPE_CHECKING

from eventqueue.errors import Refused
from eventqueue.telling.unknown import unknown

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue


def refuse_unknown(queue: "Queue", name: str | None) -> None:
    """Raise Refused for a queue's name that none ever had."""
    if (sentence := unknown(queue, name)) is not None:
        raise Refused(sentence)
