"""One projector's time in the place: batches in two stages, due jobs, and a checkpoint that is kept young.

While one batch is being committed the next one is folded, so that Python and the server work at the same time. A
batch grows while the one before it is on its way, and goes at once when there is none.

Under load it takes turns with the workers too. While they only claim and complete, nobody waits for the views: then
it lingers between its batches, so that jobs end sooner and the views show it a little later.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from eventqueue.model.events import Recorded
from eventqueue.mongo.clock import DatabaseClock
from eventqueue.mongo.leases import Progress
from eventqueue.ports.finder import Signal
from projections.keeping.ageing import merge_aged
from projections.keeping.applier import Applier, Prepared
from projections.keeping.checkpoint import Token, token_time
from projections.keeping.feed import Batch, Feed
from projections.keeping.holding import Holding
from projections.keeping.promotion import next_due, promote
from projections.keeping.signals import Signals

IDLE = timedelta(milliseconds=250)  # the longest sleep of a projector that has nothing to do: then it may be stopped
SAVE_EVERY = timedelta(seconds=10)
AGE_EVERY = timedelta(minutes=5)
SMALL = 100  # events
LOAD = 10  # events in a batch: fewer come one by one, and each goes at once
LINGER_S = 0.25  # a batch of so long is a fifth cheaper for the server than one of a few events
LINGER_SHARE = 3  # of the time that a batch took, where that is more
BEHIND_MAX = timedelta(seconds=2)  # views that are older have no time to give
BATCH_COUNT, BATCH_BYTES, BATCH_S = 4_000, 16 * 1024 * 1024, 0.3


class Turn:
    """Its steps, with what they remember of each other; a context manager."""

    def __init__(self, applier: Applier, feed: Feed, signals: Signals, holding: Holding) -> None:
        self._applied = 0
        self._caught_up_at: datetime | None = None
        self._applier = applier
        self._feed = feed
        self._signals = signals
        self._holding = holding
        self._most = BATCH_COUNT
        self._took = 0.0  # seconds for the last batch
        self._linger_until = float("-inf")
        self._saved = time.monotonic()
        self._age_at = time.monotonic()
        self._due = next_due(applier)
        self._committer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commit")
        self._flight: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._committer.shutdown()

    @property
    def progress(self) -> Progress:
        """How far it has come."""
        return Progress(self._applied, self._caught_up_at)

    def step(self, clock: DatabaseClock) -> None:
        """Apply one batch, wait until there is one or a job becomes due, or linger.

        Raises Fenced when the place is lost.
        """
        if self._holding.is_due:
            self.land()
            self._hold(clock)
        if self._feed.is_empty:
            self.land()  # nothing to fold meanwhile, and it may bring a job that is due sooner
        if self._lingers(clock):
            return
        batch = self._feed.take(self._most, BATCH_BYTES, self._patience(clock))
        if batch.events:
            self._apply(batch, clock)
        else:
            self.land()
            self._rest(batch.token, clock)
        self._see_to_chores(clock)

    def _apply(self, batch: Batch, clock: DatabaseClock) -> None:
        """Fold a batch, and commit it, or have it committed while the next one is folded."""
        began = time.monotonic()
        self._holding.saw(batch.events)
        prepared = self._applier.prepare(batch.events, batch.token, clock.now(), batch.size)
        self.land()
        if len(batch.events) < SMALL and self._feed.is_empty:
            if len(batch.events) < LOAD:
                self._tell_early(prepared.signal)
            # Nothing to fold meanwhile: here, which is sooner than in another thread.
            self._commit(prepared, began)
        else:
            self._flight = self._committer.submit(self._commit, prepared, began)
        self._linger_until = time.monotonic() + self._linger_s(batch, clock.now())

    def _see_to_chores(self, clock: DatabaseClock) -> None:
        """Promote what has become due, and merge counters that have grown old."""
        if self._due is not None and self._due <= clock.now():
            self.land()
            self._promote(clock)
        if time.monotonic() >= self._age_at:
            self.land()
            has_more = merge_aged(self._applier, clock.now())
            self._age_at = time.monotonic() + (IDLE if has_more else AGE_EVERY).total_seconds()

    def land(self) -> None:
        """Wait for the batch that is being committed, if there is one. Raises what stopped it."""
        if self._flight is not None:
            flight, self._flight = self._flight, None
            flight.result()

    def _lingers(self, clock: DatabaseClock) -> bool:
        left_s = min(self._linger_until - time.monotonic(), self._patience(clock))
        return left_s > 0 and self._feed.linger(left_s)

    def _linger_s(self, batch: Batch, now: datetime) -> float:
        last = batch.events[-1]
        if len(batch.events) < LOAD or not isinstance(last, Recorded) or now - last.at > BEHIND_MAX:
            return 0.0
        return max(LINGER_S, LINGER_SHARE * self._took)

    def _commit(self, batch: Prepared, began: float) -> None:
        started = time.monotonic()
        self._signals.publish(self._applier.commit(batch))
        self._saved = time.monotonic()
        self._applied += batch.applied
        self._took = self._saved - began
        self._adapt(self._saved - started)
        self._due = next_due(self._applier)

    def _tell_early(self, signal: Signal) -> None:
        """Name what is ready before the views show it: the log has it, and a job that comes alone waits for no commit.

        Told again after that, for those who look at the views.
        """
        if signal.ready:
            self._signals.publish(Signal(signal.generation, ready=signal.ready))

    def _rest(self, token: Token, clock: DatabaseClock) -> None:
        """Note that the views are at the end of the log, and now and then save that."""
        self._caught_up_at = token_time(token).as_datetime()
        if time.monotonic() - self._saved > SAVE_EVERY.total_seconds():
            # Also on a quiet log: an old token would fall out of the oplog.
            self._applier.save(token, clock.now())
            self._saved = time.monotonic()

    def _promote(self, clock: DatabaseClock) -> None:
        if (signal := promote(self._applier, clock.now())) is not None:
            self._signals.publish(signal)
        self._due = next_due(self._applier)

    def _hold(self, clock: DatabaseClock) -> None:
        if (signal := self._holding.step(clock.now())) is not None:
            self._signals.publish(signal)

    def _patience(self, clock: DatabaseClock) -> float:
        if self._holding.is_due:
            return 0.0
        until = IDLE if self._due is None else min(IDLE, self._due - clock.now())
        return max(0.0, until.total_seconds())

    def _adapt(self, took: float) -> None:
        # A long transaction holds back everyone who waits for its events.
        self._most = max(100, self._most // 2) if took > BATCH_S else min(BATCH_COUNT, self._most * 5 // 4)
