"""An estimate of the database's clock: the one clock that all of a queue's machines share.

A machine whose own clock is an hour off does no harm: only the time since the last look at the database is measured
here, and that on the monotonic clock.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from pymongo import MongoClient

from eventqueue.codec import to_ms
from eventqueue.mongo_errors import translated


class DatabaseClock:
    """Reads the database's clock once, then counts on; `renew` corrects the drift."""

    def __init__(self, client: MongoClient[Any]) -> None:
        self._client = client
        # What was shown and when it was looked at (monotonic), in one: another thread must not see half a renewal.
        self._look: tuple[datetime, float] | None = None

    def now(self) -> datetime:
        """Return the database's time, UTC, in whole milliseconds. Raises Unavailable if it was never reached."""
        if self._look is None:
            self.renew()
            assert self._look is not None
        shown, looked = self._look
        return to_ms(shown + timedelta(seconds=time.monotonic() - looked))

    def renew(self) -> dict[str, Any]:
        """Look at the database's clock again; return its `hello`. Raises Unavailable, keeping the old estimate."""
        before = time.monotonic()
        with translated():
            hello: dict[str, Any] = self._client.admin.command("hello")
        after = time.monotonic()
        # The reply was written somewhere between the two: the middle is off by half the round trip at most.
        self._look = hello["localTime"].replace(tzinfo=UTC), (before + after) / 2
        return hello

    @property
    def offset(self) -> timedelta:
        """How far the database's clock is ahead of this machine's."""
        return self.now() - datetime.now(UTC)
