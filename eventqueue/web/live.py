"""What is new, told to whoever looks on: one thread follows the views for a whole process, however many tabs are open.

What is sent is no data but that there is some, as server-sent events whose id is the position of the views in the log;
each tab then asks again for what it shows, as often as it can bear. That the views fall behind is told as well, also
where nothing moves but that.
"""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec
import pymongo

from eventqueue.api.queue import Queue
from eventqueue.errors import QueueClosed, QueueError, Unavailable, redact

logger = logging.getLogger(__name__)

SOON_S = 0.5  # between two looks where the views move
EVERY_S = 1.0  # and where they do not: then it may be that they should
ANSWERED_S = 2.0  # by the database, each time: it is asked for little
AGAIN_S = 5.0  # and for who only asks for a page, where there was no answer
SIGN_S = 15.0  # after which a sign of life is sent, so that a browser or a proxy does not take it for dead
AGAIN_MS = 2000  # after which a browser that lost its connection makes another
TABS_MAX = 500
SIGN = b": here\n\n"


class Pulse(msgspec.Struct, frozen=True):
    """How far the views are: the events of the log that are in them, and how far they are behind it, in seconds.

    `problem`: why that cannot be told, a sentence; `is_away`: because the database does not answer.
    """

    position: int | None = None
    lag: float | None = None
    problem: str | None = None
    is_away: bool = False


class Live:
    """Follows the views of a queue in a thread of its own, from `start` to `stop`, and looks while somebody does."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()
        self._over = threading.Event()
        self._looking = threading.Lock()
        self._looked = float("-inf")
        self._pulse = Pulse()
        self._event = _event(self._pulse)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin; tabs wait on `loop`."""
        self._loop = loop
        threading.Thread(target=self._run, name="live", daemon=True).start()

    def stop(self) -> None:
        """End all that is open: a server that is to end waits for it."""
        self._over.set()
        self._tell()

    def position(self) -> int | None:
        """Return where the views stand: as of the last pulse, if somebody looks on. Raises QueueError."""
        return self.pulse.position if self._waiting else self._queue.connection.views.applied()

    @property
    def is_over(self) -> bool:
        """Whether all that is open ends."""
        return self._over.is_set()

    @property
    def watchers(self) -> int:
        """How many tabs are open."""
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether so many tabs are open that no other is to be."""
        return len(self._waiting) >= TABS_MAX

    @property
    def pulse(self) -> Pulse:
        """How far the views are, as it was a second ago at most; where that could not be told, it takes long to ask."""
        self._look(EVERY_S if self._pulse.problem is None else AGAIN_S)
        return self._pulse

    async def changes(self) -> AsyncIterator[bytes]:
        """Yield a server-sent event now and whenever the views have moved or fallen behind, until `stop`."""
        news = asyncio.Event()
        self._waiting.add(news)
        sent = None
        try:
            yield b"retry: %d\n\n" % AGAIN_MS
            while not self._over.is_set():
                event = self._event
                yield SIGN if event == sent else event
                sent = event
                with suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), SIGN_S)
                news.clear()
        finally:
            self._waiting.discard(news)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self._follow()
            except QueueClosed:
                return
            except Exception as error:  # whatever it is: nobody else would tell that nothing is told any more
                logger.warning("the page does not follow for now: %s", error)
                self._over.wait(AGAIN_S)

    def _follow(self) -> None:
        for has_moved in self._queue.follow():
            if self._over.is_set():
                return
            if self._waiting:
                self._look(SOON_S if has_moved else EVERY_S)

    def _look(self, every: float) -> None:
        """Look how far the views are, and tell of what has changed, unless it was looked less than `every` s ago."""
        if time.monotonic() - self._looked < every or not self._looking.acquire(blocking=False):
            return
        try:
            before, self._pulse = self._pulse, self._seen()
            self._looked = time.monotonic()
            if self._pulse != before:
                self._event = _event(self._pulse)
                self._tell()
        finally:
            self._looking.release()

    def _seen(self) -> Pulse:
        views = self._queue.connection.views
        try:
            with pymongo.timeout(ANSWERED_S):
                seconds = views.lag().seconds
                return Pulse(views.applied(), seconds if seconds is None else round(seconds, 1))
        except QueueError as error:
            return Pulse(self._pulse.position, None, redact(str(error)), isinstance(error, Unavailable))

    def _tell(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and nobody waits
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for one in self._waiting:
            one.set()


def _event(pulse: Pulse) -> bytes:
    number = b"" if pulse.position is None else b"id: %d\n" % pulse.position
    return b"%sevent: moved\ndata: %s\n\n" % (number, msgspec.json.encode(pulse))
