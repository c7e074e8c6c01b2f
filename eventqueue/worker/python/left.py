"""What the runs of a child have printed, for its worker, which holds the memory and the pipes that they write into."""

import fcntl
import mmap
import os
import select
from contextlib import suppress

from eventqueue.worker.python.heard import TOTAL_MAX
from eventqueue.worker.python.rings import RING_BYTES, rings
from eventqueue.worker.running.reports import Written
from eventqueue.worker.shell.output import Bounded

# What a pipe is to hold: C code that prints while it holds Python's lock waits where it is full, and nobody in its
# process can read it. Of few children: all pipes of a user may hold 64 MB together, and beyond that the kernel makes
# each new one of his tiny, whoever asks for it.
PIPE_BYTES = 256 * 1024
LARGE_MAX = 16  # children of a worker with such pipes


class Left:
    """Of a child with so many threads; `theirs`: what it is to be given. Raises OSError."""

    large_count = 0  # how many have large pipes in this process

    def __init__(self, threads: int) -> None:
        fds: list[int] = []
        is_large = Left.large_count < LARGE_MAX
        try:
            for _ in 1, 2:
                fds += os.pipe2(os.O_CLOEXEC)
                os.set_blocking(fds[-2], False)
                if is_large:
                    with suppress(OSError):
                        fcntl.fcntl(fds[-1], fcntl.F_SETPIPE_SZ, PIPE_BYTES)
            fds.append(os.memfd_create("printed", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
            os.ftruncate(fds[-1], 2 * threads * RING_BYTES)
            # Who reads memory that a task has cut off is killed for it.
            fcntl.fcntl(fds[-1], fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
            self._memory = mmap.mmap(fds[-1], 0)
            fds += (os.dup(fds[0]), os.dup(fds[2]))
        except OSError:
            for fd in fds:
                os.close(fd)
            raise
        self._is_large = is_large
        Left.large_count += is_large
        self._readable = fds[5:]
        self.theirs = tuple(fds[:5])

    def of(self, slot: int | None, *, is_alone: bool) -> tuple[Written, Written]:
        """Return what the run had printed that was in thread `slot`, or (None) on the loop.

        `is_alone`: so that what is still in the pipes is its own.
        """
        tails = Bounded(), Bounded()
        if slot is not None:
            memory = memoryview(self._memory)
            for tail, ring in zip(tails, rings(memory, slot), strict=True):
                kept, total = ring.read()
                tail.feed(kept)
                tail.total = max(tail.total, min(total, TOTAL_MAX))  # a task may have written there
        if is_alone:
            for tail, readable in zip(tails, self._readable, strict=True):
                tail.feed(_rest(readable))
        return Written(tails[0].kept(), tails[0].total), Written(tails[1].kept(), tails[1].total)

    def close(self) -> None:
        """Let go of it."""
        Left.large_count -= self._is_large
        for readable in self._readable:
            os.close(readable)


def _rest(readable: int) -> bytes:
    ready = select.poll()
    ready.register(readable, select.POLLIN)
    if not ready.poll(0):  # not only by the read: a task may have made it one that blocks
        return b""
    return os.read(readable, PIPE_BYTES)
