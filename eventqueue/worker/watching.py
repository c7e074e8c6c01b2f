"""Sending what running jobs write to who looks at it: only while somebody does, and twice a second at most.

A signal says that somebody looks. Whether that is so still, each write tells: so a worker asks nothing for it, and one
whose jobs nobody looks at does nothing.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from eventqueue.errors import QueueError
from eventqueue.model.progress import ByClaim
from eventqueue.model.tails import Tail
from eventqueue.mongo.watches import LEASE_S, Watches
from eventqueue.ports.finder import Watched
from eventqueue.worker.running.reports import Ended, Started, Written

logger = logging.getLogger(__name__)

EVERY_S = 0.5
STAY_S = 2.0  # without news: then it is said that there are none
MOST_BYTES = 1024 * 1024  # a second, of all jobs together: whoever follows the database's oplog passes each of them

Both = tuple[Tail, Tail]
SoFar = Callable[[str], tuple[Written, Written] | None]
"""What returns what a run has written by now, by its key."""


class Watch:
    """An attempt of this worker at which somebody looks; `until`: unless a write says otherwise, in monotonic time."""

    def __init__(self, attempt: ByClaim) -> None:
        self.attempt = attempt
        self.until = time.monotonic() + LEASE_S
        self.sent: Both | None = None
        self.sent_at = self.told_at = float("-inf")  # what was new; that it is still written
        self.last: Both | None = None  # what it had written when it ended

    @property
    def key(self) -> str:
        """The run's name with its runner."""
        job_id, claim = self.attempt
        return f"{job_id}/{claim}"


class Watching:
    """What is looked at of what incarnation `me` runs; `so_far` asks its runners."""

    def __init__(self, me: str, watches: Watches) -> None:
        self._me = me
        self._watches = watches
        self._watched: dict[str, Watch] = {}  # by key
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._is_refused = False

    def hear(self, watched: Watched) -> None:
        """Somebody looks at an attempt. Safe across threads."""
        if watched.worker != self._me:
            return
        watch = Watch((watched.job, watched.claim))
        with self._lock:
            self._watched[watch.key] = watch
        self._news.set()

    def told(self, message: Started | Ended) -> None:
        """Hear what a runner tells: what was written in the end is sent, too. Safe across threads."""
        if isinstance(message, Ended):
            with self._lock:
                if (watch := self._watched.get(message.key)) is not None:
                    watch.last = _tails((message.stdout, message.stderr))

    def run(self, so_far: SoFar, stop: threading.Event) -> None:
        """Send until `stop` is set."""
        rest_s = 0.0
        while not stop.wait(rest_s):
            self._news.wait()
            rest_s = self.step(so_far)

    def step(self, so_far: SoFar) -> float:
        """Send what is new; return for how many seconds nothing more is."""
        with self._lock:
            watched = sorted(self._watched.values(), key=_sent_at)
            if not watched:
                self._news.clear()
        over = [watch for watch in watched if watch.last is not None]
        size, news = _news(watched, so_far)
        try:
            self._send(news)
        except QueueError as error:  # what is written next is as good
            self._refused(error)
        for watch in watched:
            if (watch in over and watch.sent == watch.last) or time.monotonic() > watch.until:
                self._let_go(watch)
        return max(EVERY_S, size / MOST_BYTES)

    def _send(self, news: Mapping[Watch, Both | None]) -> None:
        looked_at = self._watches.send({watch.attempt: tails for watch, tails in news.items()})
        now = time.monotonic()
        for watch, tails in news.items():
            watch.sent, watch.told_at = tails or watch.sent, now
            watch.sent_at = now if tails else watch.sent_at
            watch.until = now + LEASE_S if watch.attempt in looked_at else now

    def _let_go(self, watch: Watch) -> None:
        with self._lock:
            if self._watched.get(watch.key) is watch:  # and none who began to look meanwhile
                del self._watched[watch.key]

    def _refused(self, error: QueueError) -> None:
        if not self._is_refused:
            logger.warning("what jobs write is not shown while they run: %s", error)
        self._is_refused = True


def _news(watched: Iterable[Watch], so_far: SoFar) -> tuple[int, Mapping[Watch, Both | None]]:
    """Return what is to be sent of each attempt, None: that there is nothing new; and how many bytes it is.

    Of more than MOST_BYTES the rest comes the next time, when it is the first.
    """
    size, now, found = 0, time.monotonic(), dict[Watch, Both | None]()
    for watch in watched:
        tails = watch.last or _tails(so_far(watch.key))
        if tails is None:  # it has not begun, or has ended
            continue
        if tails != watch.sent and size < MOST_BYTES:
            found[watch] = tails
            size += sum(len(tail.kept) for tail in tails)
        elif now - watch.told_at >= STAY_S:
            found[watch] = None
    return size, found


def _sent_at(watch: Watch) -> float:
    return watch.sent_at


def _tails(written: tuple[Written, Written] | None) -> Both | None:
    if written is None:
        return None
    stdout, stderr = written
    return Tail(stdout.tail, stdout.total), Tail(stderr.tail, stderr.total)
