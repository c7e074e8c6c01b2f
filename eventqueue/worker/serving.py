"""Which queues a worker may claim from now: those it serves, in their order, but for the paused ones.

Looked up again at least twice a second while it claims, so a pause is obeyed although its signal was lost. Where that
cannot be read nothing is claimed.
"""

import time
from collections.abc import Sequence

from eventqueue.finder import JobFinder
from eventqueue.pauses import Pauses

LOOK_S = 0.5  # how long an answer counts


class Serving:
    """The queues of one worker: those `named`, or all there are."""

    def __init__(self, named: Sequence[str], finder: JobFinder, pauses: Pauses) -> None:
        self._named = named
        self._finder = finder
        self._pauses = pauses
        self._open: Sequence[str] = ()
        self._known: frozenset[str] = frozenset()
        self._looked = float("-inf")

    def open(self) -> Sequence[str]:
        """Return the queues to claim from, in order. Raises Unavailable where that cannot be told."""
        now = time.monotonic()
        if now - self._looked >= LOOK_S:
            names = self._named or self._finder.queues()
            paused = self._pauses.among(names)
            self._open, self._known = tuple(name for name in names if name not in paused), frozenset(names)
            self._looked = now
        return self._open

    def concerns(self, queue: str) -> bool:
        """Whether there may be something to claim in `queue`: it is served, and not known to be paused."""
        if self._named and queue not in self._named:
            return False
        if queue not in self._known:  # the first job of a queue, or nobody has looked yet
            self.expire()
            return True
        return queue in self._open

    def expire(self) -> None:
        """Look again before the next claim."""
        self._looked = float("-inf")

    def forget(self) -> None:
        """As `expire`, and believe nothing that was seen: the log may have been restored from a backup."""
        self._pauses.forget()
        self.expire()
