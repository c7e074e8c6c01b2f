"""A gate at the start of a run: processes say that they are up, and go on all at once.

Two pipes: each process writes a byte into the one, and waits for the other's end.
"""

import os
import select
from collections.abc import Sequence
from types import TracebackType
from typing import Self

PATIENCE_S = 60.0  # for a process to come up


class Gate:
    """The side of who opens it; a context manager, after which it stands open in any case."""

    def __init__(self) -> None:
        self._ready, ready = os.pipe()
        go, self._go = os.pipe()
        self.fds = (ready, go)  # for the processes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.open()
        for fd in (self._ready, *self.fds):
            os.close(fd)

    def await_ready(self, count: int) -> None:
        """Return once so many processes stand at the gate. Raises TimeoutError."""
        for _ in range(count):
            if not select.select([self._ready], [], [], PATIENCE_S)[0]:
                raise TimeoutError("a process does not come up")
            os.read(self._ready, 1)

    def open(self) -> None:
        """Let them go."""
        if self._go >= 0:
            os.close(self._go)
        self._go = -1


class Entrance:
    """The side of a process that waits; `fds` as its command line has them."""

    def __init__(self, fds: Sequence[str]) -> None:
        self._ready, self._go = map(int, fds)
        self._is_said = False

    def wait(self) -> None:
        """Say that this process is up, and return once the gate is open."""
        if not self._is_said:
            os.write(self._ready, b".")
            self._is_said = True
        os.read(self._go, 1)  # its end: from then on at once
