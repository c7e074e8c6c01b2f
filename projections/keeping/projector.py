"""The projector: keeps the views at the end of the log, one process at a time, the others standing by.

Holding the lease says who works; the fence in the checkpoint makes sure that nobody else did. Each turn begins by
reading the last applied event back from the log: a restored backup shows there, and the views are rebuilt.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from eventqueue.errors import (
    AccessDenied,
    BackupRestored,
    DatabaseFailed,
    Fenced,
    HistoryLost,
    QueueError,
    ViewsDamaged,
)
from eventqueue.mongo.duty import LeasedLoop
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import PROJECTING, Lease, Renewal
from eventqueue.steering.pauses import Pauses
from eventqueue.system.tuning import tuned
from projections.folds.projection import Projection, unlike, versions
from projections.keeping import checkpoint, generation, integrity
from projections.keeping.applier import Applier
from projections.keeping.feed import Feed
from projections.keeping.holding import Holding
from projections.keeping.provenance import check_in_log, is_newer, recorded
from projections.keeping.rebuild import rebuild
from projections.keeping.rescan import rescan
from projections.keeping.signals import Signals
from projections.keeping.turn import Turn
from projections.keeping.upgrade import let_go_on
from projections.keeping.upkeep import Told

logger = logging.getLogger(__name__)

LOOK_EVERY = timedelta(seconds=1)  # whether the views are whole
MEND_EVERY = timedelta(seconds=10)  # whether they have their indexes

Way = Callable[[Renewal, threading.Event], "Way | None"]
"""How the place is filled until something stops that; returns how to go on in this lead, None: not."""


class Projector:
    """One projector, named `name` in the lease: a Duty."""

    def __init__(self, ground: Ground, projections: Sequence[Projection], name: str) -> None:
        self._ground = ground
        self._database = ground.database
        self._projections = projections
        self._name = name
        self._lease = Lease(ground.database, PROJECTING, name)
        self._said: str | None = None
        self._mending: threading.Thread | None = None
        self._signals = Signals(ground.database)
        self._session = ground.database.client.start_session()

    def run(self, stop: threading.Event) -> None:
        """Lead whenever the lease can be had, until `stop` is set."""
        with tuned():
            LeasedLoop(self._lease, self).run(stop)

    def prepare(self, stop: threading.Event) -> bool:
        """See Duty.prepare: build views of older projections anew; stand by where they are of others."""
        mine = versions(self._projections)
        while not stop.is_set():
            held = recorded(self._ground)
            if held is not None and held.projections == mine:
                return True
            if held is not None and not is_newer(mine, held.projections):
                self._stand_by(f"standing by: {', '.join(unlike(held.projections, mine))}")
                return False
            try:
                self._rebuild(stop, "there were none" if held is None else "they were of older projections")
            except Fenced as error:  # somebody else builds them, or was first
                logger.info("the views are not built here: %s", error)
                return False
        return False

    def _stand_by(self, why: str) -> None:
        if why != self._said:
            logger.warning(why)
            self._lease.release()  # which it may have from the time before the views were switched
        self._said = why

    def lead(self, renewal: Renewal, stop: threading.Event) -> None:
        """See Duty.lead: keep the live views at the end of the log. What stops that says what is to be done."""
        way: Way | None = self._follow_exactly
        while way is not None and renewal.is_held and not stop.is_set():
            try:
                way = way(renewal, stop)
            except HistoryLost:  # no rebuild: the log itself still has what the oplog has lost
                way = self._read_again
            except BackupRestored as error:
                logger.error("%s", error)
                generation.retract(self._database)  # before anything more is claimed from them
                self._rebuild(stop, str(error))
                way = None
            except ViewsDamaged as error:
                self._rebuild_damaged(str(error), stop)
                way = None

    def _follow_exactly(self, renewal: Renewal, stop: threading.Event) -> "Way | None":
        applier = self._take_place(is_exact=True)
        try:
            self._follow(applier, renewal, stop)
        except ViewsDamaged:
            integrity.check_live(self._database, applier.held.generation)  # if it is that, they are built anew
            logger.info("an event came that the views have already, it seems: from now on each job is looked up")
            return self._follow_looking_up
        return None

    def _follow_looking_up(self, renewal: Renewal, stop: threading.Event) -> None:
        self._follow(self._take_place(), renewal, stop)

    def _read_again(self, _renewal: Renewal, _stop: threading.Event) -> "Way":
        rescan(self._ground, self._take_place())
        return self._follow_exactly

    def _rebuild_damaged(self, why: str, stop: threading.Event) -> None:
        if why != self._said:
            logger.error("%s", why)
        self._said = why
        try:
            self._rebuild(stop, why)  # before an operator comes to do it
        except Fenced:
            # One does just that, it may be, and takes as long as there is much: to look again at once is no use.
            stop.wait(LOOK_EVERY.total_seconds())
            raise

    def _take_place(self, *, is_exact: bool = False) -> Applier:
        live = generation.current(self._database)
        if live is None:
            raise Fenced("The views are gone.")
        held = checkpoint.take_over(self._database, live.number, self._session)
        check_in_log(held, self._ground.log)
        integrity.check_taken(self._database, held)
        applier = Applier(self._ground, held, self._projections, self._session, is_exact=is_exact)
        let_go_on(self._ground, applier)
        self._said = None
        return applier

    def _follow(self, applier: Applier, renewal: Renewal, stop: threading.Event) -> None:
        holding = Holding(applier, Pauses(self._ground.log))
        with Feed(self._database, applier.held.token) as feed, Turn(applier, feed, self._signals, holding) as turn:
            renewal.tell(lambda: turn.progress)
            look_at, mend_at = time.monotonic() + LOOK_EVERY.total_seconds(), time.monotonic()
            while renewal.is_held and not stop.is_set():
                turn.step(self._ground.clock)
                if time.monotonic() >= look_at:
                    integrity.check_live(self._database, applier.held.generation)
                    look_at = time.monotonic() + LOOK_EVERY.total_seconds()
                if time.monotonic() >= mend_at:
                    self._mend_indexes(applier.held.generation)
                    mend_at = time.monotonic() + MEND_EVERY.total_seconds()
            turn.land()
            # Before the feed is closed, which waits for the server's answer: so long an heir need not wait.
            self._lease.release()

    def _mend_indexes(self, number: int) -> None:
        """Have what is missing built in another thread: the views go on meanwhile, if slowly."""
        live = generation.Generation(self._database, number)
        if self._mending is not None and self._mending.is_alive():
            return

        def build() -> None:
            try:
                live.build_indexes()
            except QueueError as error:  # too little room, perhaps: it is tried again
                logger.warning("the indexes of the views cannot be built: %s", error)

        try:
            if missing := live.indexes_missing():
                logger.warning("somebody has dropped indexes of the views (%s): they are built", ", ".join(missing))
                self._mending = threading.Thread(target=build, name="indexes", daemon=True)
                self._mending.start()
        except (AccessDenied, DatabaseFailed, RuntimeError) as error:  # the last where no thread is to be had
            logger.warning("the indexes of the views cannot be seen to: %s", error)

    def _rebuild(self, stop: threading.Event, why: str) -> None:
        def check(_: int) -> None:
            if stop.is_set():
                raise Fenced("This projector was stopped.")

        logger.info("building the views from the log")
        built = rebuild(self._ground, self._projections, self._session, check, told=Told(self._name, why))
        if parked := built.count_parked():
            logger.warning("the views are built, but %d jobs are parked: `queuectl projections list` shows why", parked)
