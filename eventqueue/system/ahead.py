"""What is read is read ahead by a thread of its own, so that waiting for it and working on it happen at once."""

import threading
from collections.abc import Generator, Iterable
from queue import Full, Queue
from typing import TypeVar

T = TypeVar("T")

LOOK_S = 0.1

Ahead = tuple[T] | BaseException | None
"""One item; or what the source raised; or None at its end."""


def ahead(items: Iterable[T], most: int = 4) -> Generator[T]:
    """Yield `items`, up to `most` of which are taken from their source before they are asked for.

    Raises what the source raises, when it comes to it. Close it where it is not gone through to its end.
    """
    found: Queue[Ahead[T]] = Queue(most)
    stop = threading.Event()
    thread = threading.Thread(target=_take, args=(items, found, stop), name="ahead", daemon=True)
    thread.start()
    try:
        while (one := found.get()) is not None:
            if isinstance(one, BaseException):
                raise one
            yield one[0]
    finally:
        stop.set()
        thread.join()


def _take(items: Iterable[T], found: "Queue[Ahead[T]]", stop: threading.Event) -> None:
    try:
        for one in items:
            if not _put(found, (one,), stop):
                return
        _put(found, None, stop)
    except BaseException as error:  # raised where it is waited for
        _put(found, error, stop)


def _put(found: "Queue[Ahead[T]]", one: "Ahead[T]", stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            found.put(one, timeout=LOOK_S)
        except Full:
            continue
        return True
    return False
