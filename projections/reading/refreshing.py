"""The views brought to the end of the log for whoever reads them, when nobody else does it.

A busy projector is never robbed of its place by someone who looks: while the checkpoint moves, a reader waits.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext

from bson.timestamp import Timestamp
from pymongo.read_preferences import ReadPreference

from eventqueue.errors import AccessDenied, Fenced, HistoryLost, ViewsDamaged
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import PROJECTING, Lease, Renewal
from eventqueue.ports.finder import Signal
from eventqueue.ports.views import Building, Lag
from eventqueue.steering.pauses import Pauses
from projections.folds.projection import Projection, versions
from projections.keeping import checkpoint, generation
from projections.keeping.applier import Applier
from projections.keeping.catch_up import catch_up
from projections.keeping.checkpoint import Checkpoint, token_time
from projections.keeping.integrity import check_taken, damage
from projections.keeping.provenance import is_in_log, is_newer, recorded
from projections.keeping.rebuild import rebuild
from projections.keeping.rescan import rescan
from projections.keeping.signals import Signals
from projections.keeping.upgrade import let_go_on
from projections.keeping.upkeep import Told
from projections.reading.freshness import measure, passed
from projections.reading.health import missing

WAIT_S = 5.0  # how long a reader waits for a projector at most
STILL_S = 1.0  # how long a checkpoint must stand still before a reader moves it itself
LOOK_S = 0.02
LONG = 10_000  # events that are missing: to apply them takes so long that it is shown
ANEW = 6  # times as fast views are built anew as events are applied to them
OLD_S = 60  # a checkpoint's token that lags so far behind the database's clock costs every reader a longer scan


class _Wait:
    """One reader's waiting: since when, for how long the checkpoint has stood still, and when the log is asked."""

    def __init__(self) -> None:
        self._began = self._now = self._moved = self._ask_at = time.monotonic()
        self._seen: Checkpoint | None = None

    def saw(self, held: Checkpoint | None) -> None:
        """Note the checkpoint as it is now."""
        self._now = time.monotonic()
        if self._seen is None or held is None or held.token != self._seen.token:
            self._seen, self._moved = held, self._now

    @property
    def is_over(self) -> bool:
        """Whether it has been long enough."""
        return self._now - self._began > WAIT_S

    @property
    def stood_s(self) -> float:
        """For how many seconds the checkpoint has stood still."""
        return self._now - self._moved

    def asks(self) -> bool:
        """Whether the log's tail is to be asked now: soon again at first, then ever less often.

        To ask it costs a projector at work its pace.
        """
        if self._now < self._ask_at and not self.is_over:
            return False
        self._ask_at = self._now + max(LOOK_S, self._now - self._began)
        return True


class Refreshing:
    """Refreshes the views of one process; `name` is how it is called while it holds the projector's lease."""

    def __init__(self, ground: Ground, projections: Sequence[Projection], name: str) -> None:
        self._ground = ground
        self._database = ground.database
        self._projections = projections
        self._name = name
        self._lease = Lease(ground.database, PROJECTING, name)
        self._session = ground.database.client.start_session()
        self.building: Building = lambda: nullcontext(lambda _: None)
        self._at_work = threading.Lock()  # the session and the lease are this reader's, not a thread's

    def refresh(self) -> Lag:
        """See Views.refresh."""
        # Once: what is appended from now on was not asked for, and under a steady stream there is always more.
        asked, wait = majority_time(self._database), _Wait()
        while True:
            held = recorded(self._ground)
            wait.saw(held)
            lag = self._lag(held, asked) if wait.asks() else passed(held, asked)
            if lag.is_fresh or wait.is_over:
                lag = self._of_whole(held, lag)
            if lag.is_fresh:
                self._keep_young(held, asked)
            if lag.is_fresh or wait.is_over:
                return lag
            if self._is_idle(held, wait.stood_s) and not self._catch_up(held):
                return lag
            time.sleep(LOOK_S)

    def lag(self) -> Lag:
        """See Views.lag."""
        held = recorded(self._ground)
        return self._of_whole(held, self._lag(held, majority_time(self._database)))

    def _of_whole(self, held: Checkpoint | None, lag: Lag) -> Lag:
        """Return the lag, unknown where a part of the views is missing."""
        return lag if held is None or lag.seconds is None or damage(self._database, held) is None else Lag(None)

    def _lag(self, held: Checkpoint | None, asked: Timestamp) -> Lag:
        if held is None or not is_in_log(held, self._ground.log):
            return Lag(None)
        try:
            return measure(self._database, held, self._ground.clock.now(), asked)
        except HistoryLost:
            return Lag(None)

    def _keep_young(self, held: Checkpoint | None, asked: Timestamp) -> None:
        """Move a checkpoint that nobody moves over a quiet stretch of the log, for the readers to come."""
        if held is not None and asked.time - token_time(held.token).time > OLD_S and self._is_idle(held, OLD_S):
            self._catch_up(held)

    def _is_idle(self, held: Checkpoint | None, stood_s: float) -> bool:
        holder = self._lease.holder()
        if holder is None:  # nobody ever worked, or the last one left in order
            return True
        return not holder.is_live and (held is None or stood_s > STILL_S)

    def _catch_up(self, held: Checkpoint | None) -> bool:
        """Apply what the log has. False where this process must not, as its code is not that of the views."""
        mine = versions(self._projections)
        if held is not None and held.projections != mine and not is_newer(mine, held.projections):
            return False
        # With the lease, so that of many readers one works and the others wait for it.
        if self._at_work.acquire(blocking=False):
            try:
                if self._lease.acquire():
                    self._lead(held)
            except Fenced:
                pass  # another process is at work: look again
            except AccessDenied:
                return False  # who may only read sees what there is, and how old it is
            finally:
                self._at_work.release()
        return True

    def _lead(self, held: Checkpoint | None) -> None:
        try:
            with Renewal(self._lease):
                if held is not None and not is_in_log(held, self._ground.log):
                    generation.retract(self._database)  # the views of another past: nobody may claim from them
                    held = None
                if held is not None and damage(self._database, held) is not None:
                    held = None
                if held is not None and held.projections == versions(self._projections):
                    self._go_on(held)
                else:
                    self._build()
        finally:
            self._lease.release()

    def _build(self) -> None:
        with self.building() as tell:
            told = Told(self._name, "they were missing, damaged, or too far behind")
            rebuild(self._ground, self._projections, self._session, tell, told=told)

    def _go_on(self, held: Checkpoint) -> None:
        left = missing(self._ground, held)
        if left > LONG and left * ANEW > self._log_size():
            self._build()
            return
        try:
            with self.building() if left > LONG else nullcontext(lambda _: None) as show:
                self._apply(held, show)
        except ViewsDamaged:
            self._build()

    def _log_size(self) -> int:
        with translated():
            return (
                self._database["events"].with_options(read_preference=ReadPreference.PRIMARY).estimated_document_count()
            )

    def _apply(self, held: Checkpoint, show: Callable[[int], object]) -> None:
        taken = checkpoint.take_over(self._database, held.generation, self._session)
        check_taken(self._database, taken)
        applier = Applier(self._ground, taken, self._projections, self._session)
        applier.paused = Pauses(self._ground.log).all()
        signals = Signals(self._database)

        def tell(signal: Signal) -> None:
            signals.publish(signal)
            show(applier.held.applied)

        try:
            let_go_on(self._ground, applier)
            catch_up(self._ground, applier, majority_time(self._database), tell=tell)
        except HistoryLost:
            rescan(self._ground, applier, tell)
