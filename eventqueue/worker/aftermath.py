"""What is left to do when a claim is over: to keep what its run wrote, and an outcome that came too late."""

import logging
from collections import deque
from collections.abc import Sequence

from eventqueue.errors import AccessDenied
from eventqueue.mongo.clock import DatabaseClock
from eventqueue.mongo.incarnations import Incarnation
from eventqueue.mongo.outputs import Kept, Outputs
from eventqueue.ports.log import Append, EventLog
from eventqueue.worker.late import record_late

logger = logging.getLogger(__name__)


class Aftermath:
    """What worker `me` has yet to do of that."""

    def __init__(self, me: Incarnation, log: EventLog, clock: DatabaseClock, outputs: Outputs) -> None:
        self._me = me
        self._log = log
        self._clock = clock
        self._outputs = outputs
        self._late: deque[Append] = deque()
        self._written: list[Kept] = []
        self._is_refused = False  # to keep what jobs write

    @property
    def is_pending(self) -> bool:
        """Whether there is anything."""
        return bool(self._late or self._written)

    def came_late(self, outcome: Append) -> None:
        """Take an outcome that lost the race for its place."""
        self._late.append(outcome)

    def ended(self, kept: Kept) -> None:
        """Take what a run wrote that was killed after its claim had ended; that it has ended shows in this."""
        self._written.append(kept)

    def step(self) -> None:
        """Do one thing. Raises Unavailable, with all still to be done."""
        if self._late:
            record_late(self._log, self._late[0], self._me.id, self._me.actor, self._clock.now())
            self._late.popleft()
        else:
            self.keep(self._written)
            self._written.clear()

    def keep(self, kept: Sequence[Kept]) -> None:
        """Store what runs wrote. Raises Unavailable; where it may not be stored that is said, once."""
        try:
            self._outputs.put(kept)
        except AccessDenied as error:  # which does not pass: its end is in the event, and the job did what it did
            if not self._is_refused:
                logger.error("worker %s: what jobs write is not kept: %s", self._me.name, error)
            self._is_refused = True
