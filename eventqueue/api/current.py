"""The queue that tasks of this process are enqueued to, where no other is named."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from eventqueue.api.place import check_untested
from eventqueue.errors import InvalidInput

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue

Q = TypeVar("Q", bound="Queue")

_chosen: "ContextVar[Queue | None]" = ContextVar("eventqueue_queue", default=None)
_lock = threading.Lock()
_own: "tuple[int, Queue] | None" = None  # with the process that it belongs to
_set: "Queue | None" = None


def use_queue(queue: "Queue | None") -> "Queue | None":
    """Have all tasks of this process enqueued to `queue`; None: to the one that the environment names.

    Return the one before. Raises InvalidInput for what is no Queue.
    """
    global _set
    before, _set = _set, None if queue is None else _checked(queue)
    return before


@contextmanager
def using(queue: Q) -> Iterator[Q]:
    """Have the tasks that this block enqueues go to `queue`, in this thread or coroutine. Raises as `use_queue`."""
    token = _chosen.set(_checked(queue))
    try:
        yield queue
    finally:
        _chosen.reset(token)


def _checked(queue: Q) -> Q:
    from eventqueue.api.queue import Queue

    if not isinstance(queue, Queue):  # what an AsyncQueue is asked for is a coroutine, which nobody would await
        raise InvalidInput(
            "queue", "must be a Queue; with an AsyncQueue it is `await queue.enqueue(send.signature(…))`"
        )
    return queue


def current_queue() -> "Queue":
    """Return the queue in use: of the block, of the process, or one that is opened for it.

    That is, in a task, the one that its worker is of. Else it is of the MongoDB at QUEUECTL_URI, or the local server,
    in the database QUEUECTL_DB, as queuectl would take it. Raises as `Queue` does.
    In a test that pytest runs none is opened: raises Refused.
    """
    return _chosen.get() or _set or _opened()


def _opened() -> "Queue":
    global _own  # noqa: PLW0603 - one a process
    from eventqueue.api.queue import Queue

    with _lock:
        check_untested()
        if _own is None or _own[0] != os.getpid():
            _own = os.getpid(), Queue()
        return _own[1]
