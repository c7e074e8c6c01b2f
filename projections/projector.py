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
from eventqueue.errors import Fenced, ForeignViews, HistoryLost, Unavailable
from eventqueue.ground import Ground
from eventqueue.log import EventLog
from projections import checkpoint, generation, lease
from projections.applier import Applier
from projections.checkpoint import Checkpoint
from projections.feed import Feed
from projections.lease import Lease
from projections.projection import Projection
from projections.rebuild import rebuild
from projections.signals import Signals

logger = logging.getLogger(__name__)

IDLE = timedelta(seconds=1)  # the longest sleep of a projector that has nothing to do
SAVE_EVERY = timedelta(seconds=10)
BATCH_COUNT, BATCH_BYTES, BATCH_S = 4_000, 16 * 1024 * 1024, 0.3


class Projector:
    """One projector, named `name` in the lease."""

    def __init__(self, ground: Ground, projections: Sequence[Projection], name: str) -> None:
        self._ground = ground
        self._database = ground.database
        self._projections = projections
        self._lease = Lease(ground.database, name)
        self._signals = Signals(ground.database)

    def run(self, stop: threading.Event) -> None:
        """Lead whenever the lease can be had, until `stop` is set.

        Raises UnknownEventType when the log holds an event of a newer eventqueue: this process retires.
        """
        try:
            while not stop.is_set():
                try:
                    if self._lease.acquire():
                        self._lead(stop)
                    else:
                        stop.wait(lease.RENEWAL.total_seconds())
                except (Fenced, HistoryLost) as error:
                    logger.info("looking at the views again: %s", error)
                except Unavailable as error:
                    logger.warning("%s", error)
                    stop.wait(lease.RENEWAL.total_seconds())
        finally:
            self._retire()

    def _retire(self) -> None:
        try:
            self._lease.release()
        except Unavailable:
            logger.info("the lease was not released; it ends by itself")

    def _lead(self, stop: threading.Event) -> None:
        """Work until `stop` is set or the lease is lost."""
        with _Renewal(self._lease) as renewal:
            held = self._take_place()
            if held is None:
                stop.wait(lease.RENEWAL.total_seconds())
                return
            with Feed(self._database, held.token) as feed:
                turn = Turn(Applier(self._ground, held, self._projections), feed, self._signals)
                while renewal.is_held and not stop.is_set():
                    turn.step(self._ground.clock)

    def _take_place(self) -> Checkpoint | None:
        """Return the checkpoint of views that are this log's and this code's; None where they are newer code's."""
        mine = {one.name: one.version for one in self._projections}
        live = generation.current(self._database)
        if live is None:
            live = self._rebuild()
        held = checkpoint.take_over(self._database, live.number)
        check_log(held, self._ground.log_id)
        if held.projections != mine and not is_newer(mine, held.projections):
            logger.warning("standing by: the views are projected by %s, not %s", held.projections, mine)
            return None
        if held.projections != mine or not is_in_log(held, self._ground.log):
            held = checkpoint.take_over(self._database, self._rebuild().number)
        return held

    def _rebuild(self) -> generation.Generation:
        logger.info("building the views from the log")
        return rebuild(self._ground, self._projections)


class Turn:
    """One projector's time in the place: its steps, with what they remember of each other."""

    def __init__(self, applier: Applier, feed: Feed, signals: Signals) -> None:
        self._applier = applier
        self._feed = feed
        self._signals = signals
        self._most = BATCH_COUNT
        self._saved = time.monotonic()
        self._due = applier.next_due()

    def step(self, clock: DatabaseClock) -> None:
        """Apply one batch, or wait until there is one or a job becomes due. Raises Fenced when the place is lost."""
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


class _Renewal:
    """Renews the lease in a thread of its own, since a batch may take longer than the lease; a context manager."""

    def __init__(self, held: Lease) -> None:
        self._lease = held
        self._done = threading.Event()
        self._lost = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    @property
    def is_held(self) -> bool:
        """Whether the last renewal found the lease still ours."""
        return not self._lost.is_set()

    def __enter__(self) -> "_Renewal":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._done.wait(lease.RENEWAL.total_seconds()):
            try:
                if not self._lease.renew():
                    break
            except Unavailable as error:
                logger.warning("the lease was not renewed: %s", error)
        else:
            return
        self._lost.set()


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
    found = log.read(held.last.stream, held.last.version - 1)
    return bool(found) and found[0].hash == held.last.hash
