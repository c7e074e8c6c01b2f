"""Stopping a task that runs in a thread: by an exception that is raised in it, at most once, and nowhere but in it."""

import ctypes
import signal
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

NUDGE = signal.SIGURG  # which does nothing to who does not wait for it

# A class by its address; none takes back what has not come yet.
# A function of our own: what is set on `ctypes.pythonapi`'s is set for the user's code too.
_raise_in = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p)(
    ("PyThreadState_SetAsyncExc", ctypes.pythonapi)
)


class Interrupted(BaseException):
    """The task is asked to stop. No `Exception`, so that a task that catches those does not go on."""


class TimedOut(Interrupted):
    """It has run longer than its timeout."""


class JobCancelled(Interrupted):
    """Its job was cancelled, or its worker leaves."""


class Interruptible:
    """What one thread runs, and others may interrupt."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: int | None = None  # while it runs
        self._is_over = False
        self._interrupt: type[Interrupted] | None = None

    def run(self, call: Callable[[], T], interrupted: Callable[[Interrupted], T]) -> T:
        """Return what `call` returns; what `interrupted` does where it is asked before, or at its very end."""
        with self._lock:
            self._thread = threading.get_ident()
            before = self._interrupt
        if before is not None:
            return interrupted(before())
        try:
            try:
                return call()
            finally:
                self._end()
        except Interrupted as error:  # no other comes
            self._end()
            return interrupted(error)

    def _end(self) -> None:
        with self._lock:
            self._is_over = True
            if self._interrupt is not None:
                _raise_in(threading.get_ident(), None)

    def interrupt(self, kind: type[Interrupted]) -> None:
        """Raise `kind` in the thread, unless what it runs is over."""
        with self._lock:
            if self._is_over or self._interrupt is not None:
                return
            self._interrupt = kind
            if self._thread is None:
                return
            _raise_in(self._thread, id(kind))
            if self._thread == threading.main_thread().ident:
                # Out of a sleep, or whatever else it waits in: the handler is where the exception comes up.
                signal.pthread_kill(self._thread, NUDGE)
