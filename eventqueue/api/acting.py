"""The same queue in the name of another, as for whoever uses a page that one process shows to many."""

from typing import TYPE_CHECKING

from eventqueue.api.arguments import check_actor

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue


def acting_as(queue: "Queue", actor: str) -> "Queue":
    """Return a queue over the same connection that signs what it appends with this actor; it is closed with the other.

    Raises InvalidInput for an actor that is none.
    """
    from eventqueue.api.queue import Queue
    from eventqueue.connect import signing_as

    check_actor(actor)
    other = Queue.__new__(Queue)
    other._stand_on(signing_as(queue.connection, actor))
    return other
