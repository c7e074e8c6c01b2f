"""What tasks print: each run's own, whatever thread or coroutine prints it; and what of it nobody can be told from.

`sys.stdout` and `sys.stderr` are streams that find the run by the context they are written in. What goes past them,
from C code or a subprocess, comes by descriptors 1 and 2: it is the run's that is alone in its process, else nobody's.
"""

import io
import logging
import os
import select
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import ContextVar
from typing import TextIO

from eventqueue.worker.python.rings import Ring
from eventqueue.worker.shell.output import Bounded

_READ_BYTES = 64 * 1024
_DRAIN_READS = 16  # of that size, at the end of a run: what a pipe can hold


Tail = Bounded | Ring
"""Where the end of a stream is kept."""


class Printed:
    """What one run has printed, to stdout and stderr. Safe across threads."""

    __slots__ = ("_lock", "is_over", "tails")

    def __init__(self, tails: "tuple[Tail, Tail] | None" = None) -> None:
        self._lock = threading.Lock()
        self.tails: tuple[Tail, Tail] = tails or (Bounded(), Bounded())
        self.is_over = False

    def feed(self, stream: int, chunk: bytes | memoryview) -> bool:
        """Take what was written to stream 1 or 2; False where the run is over."""
        if self.is_over:
            return False
        with self._lock:
            self.tails[stream - 1].feed(chunk)
        return True


current: ContextVar[Printed | None] = ContextVar("eventqueue_printed", default=None)


class _Raw(io.RawIOBase):
    """Where the bytes of a stream go: to the run in whose context they are written, else to the descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def write(self, data: "bytes | memoryview") -> int:  # type: ignore[override]
        chunk = memoryview(data).cast("B")
        if (printed := current.get()) is None or not printed.feed(self._fd, chunk):
            _write_what_goes(self._fd, chunk)
        return len(chunk)


def _write_what_goes(fd: int, chunk: memoryview) -> None:
    with suppress(OSError):  # a log that is full, or that nobody reads, stops no task
        while chunk:
            chunk = chunk[os.write(fd, chunk) :]


def stream(fd: int) -> TextIO:
    """Return a text stream over descriptor 1 or 2, as `sys.stdout` is one."""
    return io.TextIOWrapper(_Raw(fd), encoding="utf-8", errors="backslashreplace", write_through=True)  # type: ignore[type-var]


class Streams:
    """The streams of this process: put in place, and put back where a task has put others there."""

    def __init__(self) -> None:
        self._own = stream(1), stream(2)
        self.put()

    def put(self) -> None:
        """Have `sys.stdout` and `sys.stderr` be those that find their run."""
        if self._own[0].closed or self._own[1].closed:
            self._own = stream(1), stream(2)
        sys.stdout, sys.stderr = self._own

    def log(self) -> None:
        """Have what is logged printed, with its time, level and logger, unless the user's modules have seen to that."""
        root = logging.getLogger()
        if any(getattr(one, "stream", None) in self._own for one in root.handlers):
            return
        handler = _ToStderr()
        handler.setFormatter(_Lines("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(handler)
        if root.level == logging.WARNING:  # as it is where nobody has set it
            root.setLevel(logging.INFO)


class _ToStderr(logging.StreamHandler[TextIO]):
    """To `sys.stderr` as it is at the time: a task may have closed the one that was there."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return sys.stderr


class _Lines(logging.Formatter):
    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"


class Pipes:
    """Descriptors 1 and 2 of this process, read by a thread: what comes goes to `owner()`, else to where they led.

    `owner`: what the run prints that is alone in the process; None where there is none, or are several. `pipes`: of
    each descriptor a read end, which does not block, and a write end.
    """

    def __init__(self, owner: Callable[[], Printed | None], pipes: Sequence[tuple[int, int]]) -> None:
        self._owner = owner
        self._lock = threading.Lock()
        self._outside = os.dup(2)
        self._streams: dict[int, int] = {}
        for fd, (readable, writable) in enumerate(pipes, 1):
            os.dup2(writable, fd)
            os.close(writable)
            self._streams[readable] = fd
        self._ready = self._poll()

    def _poll(self) -> "select.poll":
        ready = select.poll()
        for readable in self._streams:
            ready.register(readable, select.POLLIN)
        return ready

    def run(self) -> None:
        """Read for ever."""
        ready = self._poll()
        while True:
            ready.poll()
            self.drain()

    def drain(self) -> None:
        """Take what is there now, for the run that is alone now. Safe across threads."""
        with self._lock:
            if not self._ready.poll(0):
                return
            for readable, fd in self._streams.items():
                self._drain(readable, fd)

    def _drain(self, readable: int, fd: int) -> None:
        with suppress(BlockingIOError):
            for _ in range(_DRAIN_READS):
                chunk = os.read(readable, _READ_BYTES)
                owner = self._owner()
                if owner is None or not owner.feed(fd, chunk):
                    _write_what_goes(self._outside, memoryview(chunk))
