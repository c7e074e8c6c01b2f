"""The same queue in the name of another, as for whoever uses a page that one process shows to many."""

from eventqueue.api.arguments import check_actor
from eventqueue.api.queue import Queue
from eventqueue.connect import signing_as


class ActingQueue(Queue):
    """A queue over the connection of another, with which it is closed, that signs what it appends as `actor`.

    Raises InvalidInput for an actor that is none.
    """

    def __init__(self, queue: Queue, actor: str) -> None:
        check_actor(actor)
        self._stand_on(signing_as(queue.connection, actor))
