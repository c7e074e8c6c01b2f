"""A queue that is asked for by a name that none ever had, misspelt perhaps: it is not one with which all is well.

What judges a queue refuses such a name; what lists says beside its empty list why that is empty.
"""

from collections.abc import Collection
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
    from eventqueue.api.overview import Overview
    from eventqueue.api.queue import Queue

    if isinstance(shown, Queue):
        # `queues` counts the jobs that wait for their time, too: thousands, perhaps.
        return no_queue(name, Overview(shown.connection).names(), f": {WHERE}.")
    return no_queue(name, [one.name for one in shown.queues()], f": {WHERE}.", is_past=True)


def no_queue(name: str, known: Collection[str], what: str, *, is_past: bool = False) -> str | None:
    """Return the sentence, which ends with `what` there is instead, None for a name that is among those `known`.

    `is_past`: these are those of a time that is past, since when it has come, perhaps.
    """
    when = "had had a job by then" if is_past else "ever had a job"
    return None if name in known else f"No queue {name!r} {when}{meant(name, known)}{what}"
