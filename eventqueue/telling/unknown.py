"""A queue that is asked for by a name that none ever had, misspelt perhaps: it is not one with which all is well.

What judges a queue refuses such a name; what lists says beside its empty list why that is empty.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eventqueue.model.names import meant

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.api.then import Then

WHERE = "`queuectl queue list` shows the queues"


def unknown(shown: "Queue | Then", name: str | None) -> str | None:
    """Return what there is to say of a queue's name that none ever had, None for one that is known, or for no name."""
    if name is None:
        return None
    known = _names(shown)
    return None if name in known else f"No queue {name!r} ever had a job{meant(name, known)}: {WHERE}."


def _names(shown: "Queue | Then") -> Sequence[str]:
    from eventqueue.api.overview import Overview
    from eventqueue.api.queue import Queue

    # Of what is there now `queues` counts the jobs that wait for their time, too: thousands, perhaps.
    return Overview(shown.connection).names() if isinstance(shown, Queue) else [one.name for one in shown.queues()]
