"""An estimate of the database's clock: the one clock that all of a queue's machines share.

A machine whose own clock is an hour off does no harm: only the time since the last look at the database is measured
here, and that since boot, which no setting of a clock moves and which goes on in a machine that sleeps.
"""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from bson.timestamp import Timestamp
from pymongo import MongoClient
from pymongo.database import Database

from eventqueue.errors import Unavailable
from eventqueue.model.codec import to_ms
from eventqueue.mongo.errors import translated
from eventqueue.system.boottime import since_boot

RENEW_S = 10.0  # an estimate that is older is renewed before it is told
SLOW_S = 0.1  # a first look that takes longer is followed by others, in the hope of a quicker one
FIRST_LOOKS = 3
DRIFT = 1e-4  # seconds in each, by which two clocks go apart at most
GRAIN_S = 0.002  # the database shows milliseconds


class _Look(msgspec.Struct, frozen=True):
    """One look at the database's clock: what it showed at `at` (seconds since boot), give or take `doubt` seconds."""

    shown: datetime
    at: float
    doubt: float

    def time_at(self, at: float) -> datetime:
        return self.shown + timedelta(seconds=at - self.at)

    def doubt_at(self, at: float) -> float:
        return self.doubt + DRIFT * (at - self.at)

    def is_better_than(self, old: "_Look") -> bool:
        """Whether it is the closer one, or shows that the database's clock was set meanwhile."""
        doubt = old.doubt_at(self.at)
        apart = abs((self.shown - old.time_at(self.at)).total_seconds())
        return self.doubt <= doubt or apart > self.doubt + doubt + GRAIN_S


class DatabaseClock:
    """Reads the database's clock, then counts on, also while this machine sleeps; looks again every ten seconds.

    Of several looks the quickest counts: the reply was written somewhere between question and answer, so the middle is
    off by half of the way at most. A slow one is believed only where it proves that a quicker one no longer holds.
    Safe across threads.
    """

    def __init__(self, client: MongoClient[Any]) -> None:
        self._client = client
        # In one: another thread must not see half a renewal.
        self._look: _Look | None = None
        self._tried = float("-inf")
        self._renewing = threading.Lock()

    def now(self) -> datetime:
        """Return the database's time, UTC, in whole milliseconds. Raises Unavailable if it was never reached."""
        if self._is_old():
            self._renew_in_passing()
        assert self._look is not None
        return to_ms(self._look.time_at(since_boot()))

    def _is_old(self) -> bool:
        return self._look is None or since_boot() - self._tried > RENEW_S

    def _renew_in_passing(self) -> None:
        """Renew the estimate, where no other thread does just now; where that fails, the old one holds."""
        if not self._renewing.acquire(blocking=self._look is None):
            return
        try:
            if self._is_old():  # else another thread has, while this one waited
                self.renew()
        except Unavailable:
            if self._look is None:
                raise
        finally:
            self._renewing.release()

    def renew(self) -> dict[str, Any]:
        """Look at the database's clock again; return its `hello`. Raises Unavailable, keeping the old estimate."""
        self._tried = since_boot()
        is_first = self._look is None
        for _ in range(FIRST_LOOKS):
            hello, look = self._ask()
            if self._look is None or look.is_better_than(self._look):
                self._look = look
            if not is_first or look.doubt <= SLOW_S / 2:
                break
        return hello

    def _ask(self) -> tuple[dict[str, Any], _Look]:
        before = since_boot()
        with translated():
            hello: dict[str, Any] = self._client.admin.command("hello")
        after = since_boot()
        return hello, _Look(hello["localTime"].replace(tzinfo=UTC), (before + after) / 2, (after - before) / 2)

    @property
    def offset(self) -> timedelta:
        """How far the database's clock is ahead of this machine's."""
        return self.now() - datetime.now(UTC)


def majority_time(database: Database[Any]) -> Timestamp:
    """Return the cluster time up to which everything is majority-committed at least.

    Raises Unavailable also while no majority has agreed on anything yet, as just after all members were started.
    """
    with translated():
        hello = database.client.admin.command("hello")
    return majority_in(hello)


def majority_in(hello: Mapping[str, Any]) -> Timestamp:
    """As `majority_time`, in the server's answer to `hello`."""
    if "lastWrite" not in hello and "operationTime" in hello:  # a sharded cluster
        return Timestamp(hello["operationTime"].time, hello["operationTime"].inc)
    agreed = hello.get("lastWrite", {}).get("majorityOpTime")
    if agreed is None:
        raise Unavailable("MongoDB has only just started, and no majority of it has agreed on anything yet: try again.")
    found: Timestamp = agreed["ts"]
    return found
