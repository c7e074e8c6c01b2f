"""A child that runs tasks, as its worker sees it: the runs it was given, and the stream to it."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress

from eventqueue.worker.python.attempts import Attempt
from eventqueue.worker.python.heard import heard
from eventqueue.worker.python.left import Left
from eventqueue.worker.python.messages import Frames, FromChild, Garbled, Leave, Message, framed
from eventqueue.worker.running.reports import Written

_READ_BYTES = 256 * 1024
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Hand:
    """One child, with so many threads; `theirs` are the descriptors that it is to be given. Raises OSError."""

    def __init__(self, serial: int, threads: int) -> None:
        self.serial = serial
        self._threads = threads
        self.pid = 0  # until it is known to be there
        self.runs: dict[int, Attempt] = {}
        self.sync_count = 0  # how many of the runs are
        self.given = 0  # in all its life
        self.heard_at = 0.0
        self.is_leaving = False  # it is given no more
        self.is_garbled = False  # what it says is no longer its own
        self.is_asked_back = False  # for what has not begun
        self.doomed_by: Attempt | None = None  # for whose sake it is killed
        self._socket, theirs = socket.socketpair()
        self._socket.setblocking(False)
        try:
            self._left = Left(threads)
        except OSError:
            self._socket.close()
            theirs.close()
            raise
        self.theirs = (theirs.detach(), *self._left.theirs)
        self._frames = Frames()
        self._unsent = bytearray()

    @property
    def fd(self) -> int:
        """Its stream's."""
        return self._socket.fileno()

    @property
    def is_fresh(self) -> bool:
        """Whether it may be given more."""
        return not self.is_leaving and self.doomed_by is None

    @property
    def waiting(self) -> Sequence[Attempt]:
        """The runs that have not begun."""
        return [run for run in self.runs.values() if run.begun_at is None]

    def give(self, run: Attempt) -> None:
        """Have it run something."""
        self.runs[run.order.number] = run
        self.sync_count += not run.is_async
        self.given += 1
        self.say(run.order)

    def take(self, number: int) -> Attempt | None:
        """Return a run that it has no more."""
        run = self.runs.pop(number, None)
        if run is not None:
            self.sync_count -= not run.is_async
        return run

    def leave(self) -> None:
        """Give it nothing more; it goes once it has nothing."""
        self.is_leaving = True
        if not self.runs:
            self.say(Leave())

    def say(self, message: Message) -> None:
        """Put a message in the line; `flush` moves it on."""
        self._unsent += framed(message)

    def flush(self) -> bool:
        """Write what it takes now, and return whether all is gone."""
        try:
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
        except BlockingIOError:
            return False
        except OSError:  # it is dead, which its fork server tells
            self._unsent.clear()
        return True

    def hear(self) -> tuple[Iterator[FromChild], bool]:
        """Return what it says now, which may raise Garbled, and whether it may say more."""
        try:
            chunk = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return iter(()), True
        except OSError:
            chunk = b""
        return self._read(chunk), bool(chunk)

    def _read(self, chunk: bytes) -> Iterator[FromChild]:
        for frame in self._frames.feed(chunk):
            yield heard(frame, self._threads)

    def rest(self) -> Iterator[FromChild]:
        """Yield what it had said before it died, up to what was not its own."""
        with suppress(OSError, Garbled):
            while not self.is_garbled and (chunk := self._socket.recv(_READ_BYTES)):
                yield from self._read(chunk)

    def left(self, run: Attempt) -> tuple[Written, Written]:
        """Return what a run had printed in a child that has died."""
        begun = sum(one.begun_at is not None for one in self.runs.values())
        return self._left.of(run.slot, is_alone=begun == 1)

    def so_far(self, run: Attempt) -> tuple[Written, Written]:
        """Return what a run has printed by now; of one that is async it is there at its end alone."""
        return self._left.of(run.slot, is_alone=False)

    def memory(self) -> int:
        """Return how many bytes of memory it has, those that it shares with its fork server too."""
        try:
            with open(f"/proc/{self.pid}/statm", "rb", buffering=0) as file:
                return int(file.read().split()[1]) * _PAGE_BYTES
        except (OSError, IndexError):
            return 0

    def close(self) -> None:
        """Close the stream."""
        self._socket.close()
        self._left.close()
