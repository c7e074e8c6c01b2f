"""Signals that ask for something, passed on to a thread that may do anything.

A handler runs between two steps of the main thread, which may hold any lock just then: to take one in it, as an
`Event.set` does, is to wait for oneself. What a handler does here takes none (`SimpleQueue.put` is made for this).
"""

import signal
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue

STOP = (signal.SIGINT, signal.SIGTERM)  # what asks a command to end


class Interrupted(KeyboardInterrupt):
    """A signal other than that of a Ctrl-C, for which all is done as for one; `number`: which."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def interrupt(number: int) -> KeyboardInterrupt:
    """Return what a signal is as an exception."""
    return KeyboardInterrupt() if number == signal.SIGINT else Interrupted(number)


def interrupting(signals: Iterable[signal.Signals]) -> None:
    """Have each of these signals that is not ignored be an `interrupt` from now on."""
    for one in signals:
        if signal.getsignal(one) is not signal.SIG_IGN:
            signal.signal(one, _raise)


def _raise(number: int, _: object) -> None:
    raise interrupt(number)


@contextmanager
def once(signals: Iterable[signal.Signals], act: Callable[[], object]) -> Iterator[Sequence[int]]:
    """Have `act` called, in a thread of its own, for the first of these signals; the second is an `interrupt`.

    Yields what will have the number of the first in it.
    """
    before = {one: signal.getsignal(one) for one in signals}
    heard: SimpleQueue[bool] = SimpleQueue()
    first: list[int] = []

    def hear(number: int, _: object) -> None:
        for one in before:
            signal.signal(one, _raise)
        first.append(number)
        heard.put(True)

    def obey() -> None:
        if heard.get():
            act()

    for one in before:
        signal.signal(one, hear)
    threading.Thread(target=obey, name="interrupts", daemon=True).start()
    try:
        yield first
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
        heard.put(False)


@contextmanager
def left_to_others(signals: Collection[signal.Signals]) -> Iterator[None]:
    """Have these signals do nothing here until the block ends: a process in the same group obeys them."""
    before = {one: signal.signal(one, signal.SIG_IGN) for one in signals}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def held_back(signals: Collection[signal.Signals]) -> Iterator[None]:
    """Have these signals wait: here until the block ends, and in a process that it starts until that takes them.

    So that none comes to it before it has said what is to become of them, while Python itself is still starting.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def on_signals(signals: Iterable[signal.Signals], act: Callable[[], object], *, is_once: bool = False) -> None:
    """Have `act` called, in a thread of its own, for each of these signals that comes from now on.

    `is_once`: the second one does what it does by default, and ends the process.
    """
    heard: SimpleQueue[int] = SimpleQueue()
    asking = tuple(signals)

    def hear(number: int, _: object) -> None:
        heard.put(number)
        for one in asking if is_once else ():
            signal.signal(one, signal.SIG_DFL)

    def obey() -> None:
        while True:
            heard.get()
            act()

    for one in asking:
        signal.signal(one, hear)
    threading.Thread(target=obey, name="interrupts", daemon=True).start()
