"""What is new, told to whoever looks on: one thread follows the views for a whole process, however many tabs are open.

What is sent is no data but that there is some, as server-sent events whose id is the position of the views in the log;
each tab then asks again for what it shows, as often as it can bear.
"""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec

from eventqueue.api.queue import Queue
from eventqueue.errors import QueueClosed, QueueError, redact

EVERY_S = 1.0  # between two pulses at least: faster than anybody reads
SIGN_S = 15.0  # after which a sign of life is sent, so that a browser or a proxy does not take it for dead


class Pulse(msgspec.Struct, frozen=True):
    """How far the views are: the events of the log that are in them, and how far they are behind it, in seconds.

    `problem`: why that cannot be told, a sentence.
    """

    position: int | None = None
    lag: float | None = None
    problem: str | None = None


class Live:
    """Follows the views of a queue in a thread of its own, from `start` to `stop`."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()
        self._is_over = False
        self.pulse = Pulse()

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin; tabs wait on `loop`."""
        self._loop = loop
        self._look()
        threading.Thread(target=self._until_closed, name="live", daemon=True).start()

    def stop(self) -> None:
        """End all that is open: a server that is to end waits for it."""
        self._is_over = True
        self._tell()

    def position(self) -> int | None:
        """Return where the views stand: as of the last pulse, if somebody looks on. Raises QueueError."""
        return self.pulse.position if self._waiting else self._queue.connection.views.applied()

    @property
    def is_over(self) -> bool:
        """Whether all that is open ends."""
        return self._is_over

    @property
    def watchers(self) -> int:
        """How many tabs are open."""
        return len(self._waiting)

    async def changes(self, seen: str | None) -> AsyncIterator[bytes]:
        """Yield a server-sent event now and whenever the views have moved, until `stop`; `seen`: the last id known."""
        news = asyncio.Event()
        self._waiting.add(news)
        try:
            sent = None if seen is None else self.pulse if str(self.pulse.position) == seen else None
            while not self._is_over:
                pulse = self.pulse
                if pulse != sent:
                    sent = pulse
                    yield _event(pulse)
                else:
                    yield b": here\n\n"
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), SIGN_S)
                news.clear()
        finally:
            self._waiting.discard(news)

    def _until_closed(self) -> None:
        with suppress(QueueClosed):  # as at the end
            self._follow()

    def _follow(self) -> None:
        try:
            self._follow_on()
        except QueueError:
            if not self._is_over:  # else the queue was closed under it
                raise

    def _follow_on(self) -> None:
        looked = time.monotonic()
        for _ in self._queue.follow():
            if self._is_over:
                return
            if self._waiting and time.monotonic() - looked >= EVERY_S:
                self._look()
                looked = time.monotonic()

    def _look(self) -> None:
        before = self.pulse
        try:
            views = self._queue.connection.views
            self.pulse = Pulse(views.applied(), views.lag().seconds)
        except QueueError as error:
            self.pulse = Pulse(before.position, None, redact(str(error)))
        if self.pulse != before:
            self._tell()

    def _tell(self) -> None:
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for one in self._waiting:
            one.set()


def _event(pulse: Pulse) -> bytes:
    number = b"" if pulse.position is None else b"id: %d\n" % pulse.position
    return b"%sevent: moved\ndata: %s\n\n" % (number, msgspec.json.encode(pulse))
