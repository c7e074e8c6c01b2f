"""When the log is sealed: once a minute, or sooner where many events have come; by one process of all who would.

Two small questions every five seconds tell whether anything has come. Only then is the lease taken, for as long as it
takes to make a seal: who stands by writes nothing. That two sealers do each other no harm is the seals' own business.
"""

import logging
import threading
import time
from datetime import timedelta

from eventqueue.errors import Fenced, QueueError
from eventqueue.mongo.duty import LeasedLoop
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import SEALING, Lease, Renewal
from eventqueue.sealing import stored
from eventqueue.sealing.gathering import OVERLAP_S
from eventqueue.sealing.sealer import Sealer

logger = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=5)
EVERY = timedelta(minutes=1)
MANY = 10_000  # events, for which no minute is waited for
# But so long: the last `OVERLAP_S` seconds are read again for the next seal, so each event is read twice at most.
SPACING = timedelta(seconds=OVERLAP_S)
AT_LEAST_EVERY = timedelta(minutes=10)  # how many events there are the server only estimates, after it was killed


class Sealing:
    """Seals the log, as `name`, for as long as `run` lasts: a Duty."""

    def __init__(self, ground: Ground, sealer: Sealer, name: str) -> None:
        self._ground = ground
        self._sealer = sealer
        self._lease = Lease(ground.database, SEALING, name)
        self._loop = LeasedLoop(self._lease, self)
        self._looked = float("-inf")  # when it was found out what has changed, in monotonic seconds
        self._said: str | None = None

    def run(self, stop: threading.Event) -> None:
        """Seal what has changed, now and then, until `stop` is set; what fails is logged, and tried again."""
        while not stop.wait(LOOK_EVERY.total_seconds()):
            try:
                if self.is_due():
                    self._loop.step(stop)
                    self._said = None
            except QueueError as error:
                self._warn(str(error))

    def is_due(self) -> bool:
        """Whether so much has come, or so long ago, that a seal is to be made."""
        last = stored.last(self._ground.log)
        with translated():
            there = self._ground.database["events"].estimated_document_count()
        new = there if last is None else there - last.said.events - last.said.number - last.said.leaves[1]
        waited = timedelta(seconds=min(time.monotonic() - self._looked, 1e6))
        if last is not None and last.recorded.at is not None:
            waited = min(waited, self._ground.clock.now() - last.recorded.at)
        return waited >= AT_LEAST_EVERY or (new > 0 and waited >= (SPACING if new >= MANY else EVERY))

    def prepare(self, stop: threading.Event) -> bool:  # noqa: ARG002 - see Duty
        """See Duty.prepare: whoever has the log can seal it."""
        return True

    def lead(self, renewal: Renewal, stop: threading.Event) -> None:
        """See Duty.lead: seal what has changed, and give the place back."""
        try:
            while renewal.is_held and not stop.is_set() and self._sealer.step() is not None:
                pass
        except Fenced as error:  # an operator's `queuectl audit seal`
            logger.info("%s", error)
        finally:
            self._looked = time.monotonic()
            self._lease.release()

    def _warn(self, why: str) -> None:
        if why != self._said:
            logger.warning("the log is not sealed: %s", why)
        self._said = why
