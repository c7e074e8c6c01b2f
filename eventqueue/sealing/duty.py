"""When the log is sealed: once a minute, or sooner where many events have come; by one process of all who would.

Two small questions every five seconds tell whether anything has come. Only then is the lease taken, for as long as it
takes to make a seal: who stands by writes nothing. That two sealers do each other no harm is the seals' own business.
"""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import msgspec

from eventqueue.audit.seals import LEAVES
from eventqueue.errors import Fenced, QueueError
from eventqueue.mongo.duty import LeasedLoop
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import SEALING, Lease, Renewal
from eventqueue.sealing import stored
from eventqueue.sealing.sealer import Sealer

logger = logging.getLogger(__name__)


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """When the log is sealed, and for how much of the time."""

    look_every: timedelta = timedelta(seconds=5)  # whether anything has come
    every: timedelta = timedelta(minutes=1)
    many: int = 10_000  # events, for which no minute is waited for
    spacing: timedelta = timedelta(seconds=15)  # between two tries: so much more is settled then
    at_least_every: timedelta = timedelta(minutes=10)  # how many there are the server only estimates, after a kill
    # While the log grows faster than this, in events a second, others need the machine: sealing takes a twentieth of
    # the time then, and makes up for it later.
    busy: int = 1000
    share: int = 20


POLICY = Policy()


class Pace:
    """How long to pause between two steps; `there`: returns how many events the log has."""

    def __init__(self, there: Callable[[], int], policy: Policy = POLICY) -> None:
        self._there = there
        self._policy = policy
        self._begun = time.monotonic()
        self._before = self._begun, there()  # when so many were there

    def pause_s(self) -> float:
        """Return for how long, in seconds, the step that has just ended is to be the last."""
        now, there = time.monotonic(), self._there()
        took = now - self._begun
        is_busy = there - self._before[1] > self._policy.busy * (now - self._before[0])
        self._before = now, there
        pause = took * (self._policy.share - 1) if is_busy else 0.0
        self._begun = now + pause
        return pause


def unsealed(ground: Ground, last: stored.Made | None) -> int:
    """Return about how many events of the log are not sealed; `last`: its last seal."""
    there = _there(ground)
    if last is None:
        return there
    # All leaves, and not those of seals alone: who lost a race has left some that are no seal's.
    leaves = ground.log.read_last(LEAVES)
    return there - last.said.events - last.said.number - (0 if leaves is None else leaves.version)


def _there(ground: Ground) -> int:
    with translated():
        return ground.database["events"].estimated_document_count()


class Sealing:
    """Seals the log, as `name`, for as long as `run` lasts: a Duty."""

    def __init__(self, ground: Ground, sealer: Sealer, name: str, policy: Policy = POLICY) -> None:
        self._ground = ground
        self._sealer = sealer
        self._policy = policy
        self._lease = Lease(ground.database, SEALING, name)
        self._loop = LeasedLoop(self._lease, self)
        # When it was found out what has changed, in monotonic seconds: it may be found out at once.
        self._looked = time.monotonic() - policy.spacing.total_seconds()
        self._said: str | None = None

    def run(self, stop: threading.Event) -> None:
        """Seal what has changed, now and then, until `stop` is set; what fails is logged, and tried again."""
        while not stop.wait(self._policy.look_every.total_seconds()):
            try:
                if self.is_due():
                    self._loop.step(stop)
                    self._said = None
            except QueueError as error:
                self._warn(str(error))
            except Exception as error:  # whatever it is: if this ended, nobody would seal any more, and all else go on
                self._warn(f"{type(error).__name__}: {error}")

    def is_due(self) -> bool:
        """Whether so much has come, or so long ago, that a seal is to be made."""
        last = stored.last(self._ground.log)
        new = unsealed(self._ground, last)
        looked = timedelta(seconds=time.monotonic() - self._looked)
        sealed_at = None if last is None else last.recorded.at
        is_long_ago = sealed_at is None or self._ground.clock.now() - sealed_at >= self._policy.every
        is_enough = new >= self._policy.many or (new > 0 and is_long_ago)
        return looked >= self._policy.at_least_every or (looked >= self._policy.spacing and is_enough)

    def prepare(self, stop: threading.Event) -> bool:  # noqa: ARG002 - see Duty
        """See Duty.prepare: whoever has the log can seal it."""
        return True

    def lead(self, renewal: Renewal, stop: threading.Event) -> None:
        """See Duty.lead: seal what has changed, and give the place back."""
        pace = Pace(lambda: _there(self._ground), self._policy)
        try:
            while renewal.is_held and self._sealer.step() is not None and self._sealer.is_behind:
                if stop.wait(pace.pause_s()):
                    return
        except Fenced as error:  # an operator's `queuectl audit seal`
            logger.info("%s", error)
        finally:
            self._looked = time.monotonic()
            self._lease.release()

    def _warn(self, why: str) -> None:
        if why != self._said:
            logger.warning("the log is not sealed: %s", why)
        self._said = why
