"""The projector: keeps the views at the end of the log, one process at a time, the others standing by.

Holding the lease says who works; the fence in the checkpoint makes sure that nobody else did. Each turn begins by
reading the last applied event back from the log: a restored backup shows there, and the views are rebuilt.
"""

import logging
import threading
import time
from collections.abc import Sequence
from datetime import timedelta

from eventqueue.clock import DatabaseClock
from eventqueue.codec import content_hash
from eventqueue.errors import Fenced, ForeignViews, HistoryLost, QueueError, Unavailable
from eventqueue.ground import Ground
from eventqueue.log import EventLog
from projections import checkpoint, generation
from projections.applier import Applier
from projections.checkpoint import Checkpoint
from projections.feed import Feed
from projections.lease import RENEWAL, Lease, Renewal
from projections.projection import Projection
from projections.rebuild import rebuild
from projections.signals import Signals

logger = logging.getLogger(__name__)

IDLE = timedelta(seconds=1)  # the longest sleep of a projector that has nothing to do
SAVE_EVERY = timedelta(seconds=10)
CLOCK_EVERY = timedelta(seconds=10)  # a machine that slept, or a clock that was set, would promote at wrong times
BATCH_COUNT, BATCH_BYTES, BATCH_S = 4_000, 16 * 1024 * 1024, 0.3


class Projector:
    """One projector, named `name` in the lease."""

    def __init__(self, ground: Ground, projections: Sequence[Projection], name: str) -> None:
        self._ground = ground
        self._database = ground.database
        self._projections = projections
        self._lease = Lease(ground.database, name)
        self._signals = Signals(ground.database)
        self._session = ground.database.client.start_session()

    def run(self, stop: threading.Event) -> None:
        """Lead whenever the lease can be had, until `stop` is set.

        Raises UnknownEventType when the log holds an event of a newer eventqueue: this process retires.
        """
        try:
            while not stop.is_set():
                try:
                    if not self._lease.acquire() or not self._lead(stop):
                        stop.wait(RENEWAL.total_seconds())
                except Fenced as error:
                    logger.info("looking at the views again: %s", error)
                except Unavailable as error:
                    logger.warning("%s", error)
                    stop.wait(RENEWAL.total_seconds())
        finally:
            self._retire()

    def _retire(self) -> None:
        try:
            self._lease.release()
        except QueueError:
            logger.info("the lease was not released; it ends by itself")

    def _lead(self, stop: threading.Event) -> bool:
        """Work until `stop` is set or the lease is lost. False where the views are newer code's."""
        with Renewal(self._lease) as renewal:
            held = self._take_place()
            if held is not None:
                self._work(held, renewal, stop)
        if held is None:
            self._lease.release()  # to whoever may
        return held is not None

    def _work(self, held: Checkpoint, renewal: Renewal, stop: threading.Event) -> None:
        try:
            with Feed(self._database, held.token) as feed:
                turn = Turn(Applier(self._ground, held, self._projections, self._session), feed, self._signals)
                while renewal.is_held and not stop.is_set():
                    turn.step(self._ground.clock)
        except HistoryLost as error:
            logger.warning("%s", error)
            self._rebuild()

    def _take_place(self) -> Checkpoint | None:
        """Return the checkpoint of views that are this log's and this code's; None where they are newer code's."""
        mine = {one.name: one.version for one in self._projections}
        live = generation.current(self._database)
        recorded = None if live is None else checkpoint.read(self._database, live.number)
        if recorded is not None:
            check_log(recorded, self._ground.log_id)
            if not is_newer(mine, recorded.projections):
                logger.warning("standing by: the views are projected by %s, not %s", recorded.projections, mine)
                return None
            if recorded.projections == mine:
                held = checkpoint.take_over(self._database, recorded.generation, self._session)
                if is_in_log(held, self._ground.log):
                    return held
        return checkpoint.take_over(self._database, self._rebuild().number, self._session)

    def _rebuild(self) -> generation.Generation:
        logger.info("building the views from the log")
        return rebuild(self._ground, self._projections, self._session)


class Turn:
    """One projector's time in the place: its steps, with what they remember of each other."""

    def __init__(self, applier: Applier, feed: Feed, signals: Signals) -> None:
        self._applier = applier
        self._feed = feed
        self._signals = signals
        self._most = BATCH_COUNT
        self._saved = self._looked = time.monotonic()
        self._due = applier.next_due()

    def step(self, clock: DatabaseClock) -> None:
        """Apply one batch, or wait until there is one or a job becomes due. Raises Fenced when the place is lost."""
        if time.monotonic() - self._looked > CLOCK_EVERY.total_seconds():
            clock.renew()
            self._looked = time.monotonic()
        batch = self._feed.take(self._most, BATCH_BYTES, self._patience(clock))
        if batch.events:
            started = time.monotonic()
            self._signals.publish(self._applier.apply(batch.events, batch.token, clock.now()))
            self._saved = time.monotonic()
            self._adapt(self._saved - started)
            self._due = self._applier.next_due()
        elif time.monotonic() - self._saved > SAVE_EVERY.total_seconds():
            # Also on a quiet log: an old token would fall out of the oplog.
            self._applier.save(batch.token, clock.now())
            self._saved = time.monotonic()
        if self._due is not None and self._due <= clock.now():
            if (signal := self._applier.promote(clock.now())) is not None:
                self._signals.publish(signal)
            self._due = self._applier.next_due()

    def _patience(self, clock: DatabaseClock) -> float:
        until = IDLE if self._due is None else min(IDLE, self._due - clock.now())
        return max(0.0, until.total_seconds())

    def _adapt(self, took: float) -> None:
        # A long transaction holds back everyone who waits for its events.
        self._most = max(100, self._most // 2) if took > BATCH_S else min(BATCH_COUNT, self._most * 5 // 4)


def check_log(held: Checkpoint, log_id: str) -> None:
    """Raise ForeignViews where the views were projected from another log."""
    if held.log != log_id:
        raise ForeignViews(
            "The views in this database were projected from another log: drop its collections `views`, "
            "`checkpoints`, `jobs-…` and `stats-…`, and they are rebuilt from this one."
        )


def is_newer(mine: dict[str, int], recorded: dict[str, int]) -> bool:
    """Whether `mine` has every recorded projection, none in a lower version: then it may rebuild."""
    return all(mine.get(name, 0) >= version for name, version in recorded.items())


def is_in_log(held: Checkpoint, log: EventLog) -> bool:
    """Whether the last event applied is in the log, unchanged. If not, the log was restored from a backup."""
    if held.last is None:
        return True
    # As stored: what follows it in its stream may be poison.
    found = log.read_raw(held.last.stream, held.last.version - 1)
    return bool(found) and content_hash(found[0]) == held.last.hash
