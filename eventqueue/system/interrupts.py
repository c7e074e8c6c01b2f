"""Signals that ask for something, passed on to a thread that may do anything.

A handler runs between two steps of the main thread, which may hold any lock just then: to take one in it, as an
`Event.set` does, is to wait for oneself. What a handler does here takes none (`SimpleQueue.put` is made for this).
"""

import signal
import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue


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
