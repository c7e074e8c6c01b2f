"""The heartbeat: renews the lease, the clock's offset, and the knowledge of who else is live.

It stands beside the jobs, never in their history.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime

import msgspec

from eventqueue.errors import QueueError
from eventqueue.mongo.clock import DatabaseClock
from eventqueue.mongo.incarnations import Incarnation, Incarnations
from eventqueue.system.boottime import since_boot
from eventqueue.worker.life.tenure import Tenure

logger = logging.getLogger(__name__)

RETRY_S = 0.5
# A round of the engine may take so long though all is well: a slow database, which has ten seconds for each of a few
# answers. To lose all jobs for that would not make it faster.
ROUND_S = 25.0
# The first heartbeats follow each other sooner: workers that start together know of each other within a second, and
# do not claim each other's jobs until then.
FIRST_S = 0.25


class Beat(msgspec.Struct, frozen=True):
    """A heartbeat went through.

    `live`: the incarnations that claim from the same queues, this one among them, each with its queues (none: all).
    `stop_by`: this one was asked to stop, and may let its jobs finish until then.
    """

    live: Mapping[str, tuple[str, ...]]
    stop_by: datetime | None = None


class Buried(msgspec.Struct, frozen=True):
    """This incarnation was buried: its claims are over."""


class Heartbeat:
    """The heartbeat of incarnation `me`; `tell` gets a Beat or Buried, `extend` the seconds until all must be dead.

    `last_round` tells when the engine began its last round, in monotonic seconds. A heartbeat has to prove that work
    goes on, and not only that a thread lives: while the engine hangs, the lease is left to end.
    """

    def __init__(
        self,
        me: Incarnation,
        incarnations: Incarnations,
        clock: DatabaseClock,
        tenure: Tenure,
        *,
        tell: Callable[[Beat | Buried], None],
        extend: Callable[[float], None],
        last_round: Callable[[], float],
    ) -> None:
        self._me = me
        self._incarnations = incarnations
        self._clock = clock
        self._tenure = tenure
        self._tell = tell
        self._extend = extend
        self._last_round = last_round
        self._has_complained = False
        self._answering_since: float | None = None
        self._beat_at: datetime | None = None

    def run(self, stop: threading.Event) -> None:
        """Beat until `stop` is set, or this incarnation is buried."""
        pause, first = 0.0, FIRST_S
        while not stop.wait(pause):
            try:
                if not self.beat_once():
                    return
                pause, first = min(first, self._tenure.renewal_s), 2 * first
            except QueueError as error:
                self._answering_since = None
                logger.warning("heartbeat: %s", error)
                pause = RETRY_S

    def beat_once(self) -> bool:
        """Renew everything once; False if this incarnation is buried. Raises Unavailable."""
        sent = since_boot()
        self._clock.renew()
        self._note_answer(self._clock.now())
        if not self._is_at_work():
            return True
        if not self._incarnations.renew(self._me.id):
            self._tell(Buried())
            return False
        self._extend(self._tenure.renewed(sent))
        self._tell(self._beat())
        return True

    def _is_at_work(self) -> bool:
        """Whether the engine makes rounds; if not, it is said, and once.

        None of its rounds takes so long while the database answers, as it has just done.
        """
        silent_s = time.monotonic() - self._last_round()
        is_at_work = silent_s < max(ROUND_S, self._tenure.length_s - self._tenure.renewal_s)
        if not is_at_work and not self._has_complained:
            logger.error("worker %s has hung for %.0f s: others are to take its jobs over", self._me.name, silent_s)
        self._has_complained = not is_at_work
        return is_at_work

    def _beat(self) -> Beat:
        found = {one.worker.id: one for one in self._incarnations.live()}
        mine = found.pop(self._me.id, None)
        # Who is stopping claims nothing more: its buckets are for the others.
        others = [one.worker for one in found.values() if one.stop_by is None and self._shares_queue(one.worker.queues)]
        live = {self._me.id: self._me.queues, **{one.id: one.queues for one in others}}
        return Beat(live, None if mine is None else mine.stop_by)

    def _note_answer(self, now: datetime) -> None:
        # A gap on the database's clock, as after a sleep of this machine, which stops its own: all leases may be over.
        was_away = self._beat_at is not None and now - self._beat_at > self._tenure.length
        if self._answering_since is None or was_away:
            # Monotonic: what passed in this machine's sleep was no answer.
            self._answering_since = time.monotonic()
        self._beat_at = now

    def has_answered_for(self, seconds: float) -> bool:
        """Whether the database has answered every heartbeat for so long: before that, nobody's silence is proof."""
        since = self._answering_since
        return since is not None and time.monotonic() - since >= seconds

    def _shares_queue(self, queues: Collection[str]) -> bool:
        return not queues or not self._me.queues or bool(set(queues) & set(self._me.queues))
