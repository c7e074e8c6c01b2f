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
from contextlib import nullcontext, suppress

import msgspec

from eventqueue.api.queue import Queue
from eventqueue.errors import QueueClosed, QueueError, Unavailable, redact
from eventqueue.mongo.patience import answered_within
from eventqueue.web.pushed import SIGN, SIGN_S, event

logger = logging.getLogger(__name__)

SOON_S = 0.5  # between two looks where the views move
EVERY_S = 1.0  # and where they do not: then it may be that they should
ANSWERED_S = 2.0  # by the database, each time: it is asked for little
LOOKED_S = 2 * ANSWERED_S + EVERY_S  # for another's look: it asks twice
SHARE = 8  # how far the views are behind is found out again after so many times what that took
YOUNG_S = 120.0  # for moving them over what has come, once it took too long to look through that
AGAIN_S = 5.0  # and for who only asks for a page, where there was no answer
AGAIN_MS = 2000  # after which a browser that lost its connection makes another
TABS_MAX = 500


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
        self._lag_after = float("-inf")  # when how far they are behind is found out again
        self._is_old = False  # so much has come since they were moved that to look through it takes too long
        self._is_part = False  # some of them is missing, as after it was dropped, or they are of another past
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
        self._look(EVERY_S if self._pulse.problem is None else AGAIN_S, is_awaited=True)
        return self._pulse

    async def changes(self) -> AsyncIterator[bytes]:
        """Yield a server-sent event now and whenever the views have moved or fallen behind, until `stop`."""
        news = asyncio.Event()
        self._waiting.add(news)
        sent = None
        try:
            yield b"retry: %d\n\n" % AGAIN_MS
            while not self._over.is_set():
                moved = self._event
                yield SIGN if moved == sent else moved
                sent = moved
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
            if (self._is_old or self._is_part) and not self._pulse.is_away:
                self._renew()

    def _renew(self) -> None:
        """Have the views moved over what has come, mostly of others: else it takes ever longer to look through.

        Those of which a part is missing are built anew, which takes as long as it takes.
        """
        with nullcontext() if self._is_part else answered_within(YOUNG_S):
            self._queue.connection.views.refresh()
        self._is_old, self._is_part, self._lag_after = False, False, float("-inf")

    def _look(self, every: float, *, is_awaited: bool = False) -> None:
        """Look how far the views are, and tell of what has changed, unless it was looked less than `every` s ago.

        Where another looks just now, and what is known is old, that is waited for if it `is_awaited`: who went on as if
        the database answered would wait for each call to find that out.
        """
        ago = time.monotonic() - self._looked
        patience = LOOKED_S if is_awaited and ago > every + ANSWERED_S else 0
        if ago < every or not self._looking.acquire(timeout=patience):
            return
        try:
            if time.monotonic() - self._looked < every:
                return
            before, self._pulse = self._pulse, self._seen()
            self._looked = time.monotonic()
            if self._pulse != before:
                self._event = _event(self._pulse)
                self._tell()
        finally:
            self._looking.release()

    def _seen(self) -> Pulse:
        try:
            with answered_within(ANSWERED_S):
                position = self._queue.connection.views.applied()
            return Pulse(position, self._lag())
        except QueueError as error:
            return Pulse(self._pulse.position, None, redact(str(error)), isinstance(error, Unavailable))

    def _lag(self) -> float | None:
        """Return how far they are behind, None where it takes too long to tell: that there is much is no failure.

        Nor can it be told where a part of them is missing: these, too, are renewed, for perhaps nobody else does it.
        """
        began = time.monotonic()
        if began < self._lag_after:
            return self._pulse.lag
        try:
            with answered_within(ANSWERED_S):
                seconds = self._queue.connection.views.lag().seconds
            self._is_part = seconds is None
        except Unavailable:
            self._is_old, seconds = True, None
        self._lag_after = time.monotonic() + SHARE * (time.monotonic() - began)
        return seconds if seconds is None else round(seconds, 1)

    def _tell(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and nobody waits
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for one in self._waiting:
            one.set()


def _event(pulse: Pulse) -> bytes:
    return event("moved", pulse, pulse.position)
