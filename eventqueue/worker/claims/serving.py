"""Which queues a worker may claim from now: those it serves, but for the paused ones.

A queue is looked up before anything of it is claimed, and at most half a second before; so a pause is obeyed although
its signal was lost. Where that cannot be read nothing is claimed. Who serves all queues asks about those of the jobs
that it found, however many others there are.
"""

import time
from collections.abc import Collection, Sequence

from eventqueue.steering.pauses import Pauses

LOOK_S = 0.5  # how long an answer counts
KNOWN_MAX = 10_000  # queues of which is remembered when they were looked up


class Serving:
    """The queues of one worker: those `named`, in their order, or (none) all there are."""

    def __init__(self, named: Sequence[str], pauses: Pauses) -> None:
        self.named = named
        self._pauses = pauses
        self._paused: set[str] = set()
        self._looked: dict[str, float] = {}  # queue -> when, in monotonic seconds

    def look(self, queues: Collection[str]) -> Collection[str]:
        """Return those of `queues` that are paused. Raises Unavailable where that cannot be told."""
        now = time.monotonic()
        if asked := [queue for queue in set(queues) if now - self._looked.get(queue, float("-inf")) >= LOOK_S]:
            paused = self._pauses.among(asked)
            self._paused.difference_update(asked)
            self._paused.update(paused)
            if len(self._looked) > KNOWN_MAX:
                self._looked.clear()
            self._looked.update(dict.fromkeys(asked, now))
        return self._paused.intersection(queues)

    def concerns(self, queue: str | None) -> bool:
        """Whether there may be something to claim in `queue` (None: in many): it is served, and not seen as paused."""
        return queue is None or ((not self.named or queue in self.named) and queue not in self._paused)

    def expire(self) -> None:
        """Look again before the next claim."""
        self._looked.clear()

    def forget(self) -> None:
        """As `expire`, and believe nothing that was seen: the log may have been restored from a backup."""
        self._pauses.forget()
        self.expire()
