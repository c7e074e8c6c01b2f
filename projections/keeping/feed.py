"""Reads the tail in a thread of its own, so that the next batch is decoded while the last one is applied.

What has been read waits in a bounded inbox; a batch is whatever lies there when the applier is free, so it grows
while the applier is busy and goes at once when it is idle.
"""

import threading
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import msgspec
from pymongo.database import Database

from eventqueue.errors import QueueError, Unavailable
from eventqueue.model.events import Claimed, Completed, Recorded, Retried
from eventqueue.mongo.errors import translated
from projections.folds.decoding import Poison
from projections.keeping.checkpoint import Token
from projections.keeping.tail import Change, Tail

INBOX_COUNT, INBOX_BYTES = 20_000, 32 * 1024 * 1024
CALM = frozenset({Retried, Claimed, Completed})  # nobody needs these in the views to go on
QUIET_S = 0.1  # without an event: no more is to come. One reply of the server may take half as long under load


class Batch(msgspec.Struct, frozen=True):
    """Events in order with their size in bytes, and the token behind the last of them, or behind what was scanned."""

    events: list[Recorded | Poison]
    token: Token
    size: int


class Feed:
    """The events after `token`, batch by batch; a context manager."""

    def __init__(self, database: Database[Any], token: Token) -> None:
        self._tail = Tail(database, token)
        self._inbox: deque[Change] = deque()
        self._bytes = 0
        self._pressing = 0  # of the events in the inbox
        self._events = database["events"]
        self._token = token  # behind all that was ever put into the inbox
        self._error: QueueError | None = None
        self._closed = False
        self._moved = threading.Condition()
        self._thread = threading.Thread(target=self._read, name="feed", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._moved:
            self._closed = True
            self._moved.notify_all()
        self._thread.join()

    def take(self, most: int, size: int, timeout: float) -> Batch:
        """Return up to `most` events of up to `size` bytes, waiting for the first `timeout` seconds at most.

        Raises what stopped the reading, once everything read before has been taken.
        """
        with self._moved:
            self._moved.wait_for(lambda: self._inbox or self._error or self._closed, timeout)
            if self._error is not None and not self._inbox:
                raise self._error
            events: list[Recorded | Poison] = []
            token, taken = self._token, 0
            while self._inbox and len(events) < most and (taken < size or not events):
                change = self._inbox.popleft()
                events.append(change.event)
                token = change.token
                taken += change.size
                self._pressing -= is_pressing(change.event)
            self._bytes -= taken
            self._moved.notify_all()
            return Batch(events, token if self._inbox else self._token, taken)

    def linger(self, seconds: float) -> bool:
        """Leave what lies there for `seconds`, as long as more comes and none of it presses; whether that was so.

        Behind a full inbox nobody sees what comes: only that something does.
        """
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            before = self._count()
            with self._moved:
                if self._moved.wait_for(lambda: self._pressing > 0, min(QUIET_S, left)):
                    return False
            if self._count() == before:
                return False
        return True

    def _count(self) -> int:
        """Return a number that moves as long as events come."""
        if not self._is_full():
            return len(self._inbox)
        with translated():
            return self._events.estimated_document_count()

    @property
    def is_empty(self) -> bool:
        """Whether all that was read has been taken."""
        return not self._inbox

    def _read(self) -> None:
        with self._tail:
            while not self._closed:
                try:
                    self._put(self._tail.read(), self._tail.token)
                except QueueError as error:
                    self._stop(error)
                except Exception as error:
                    self._stop(Unavailable(f"Reading the log stopped: {type(error).__name__}: {error}."))
                if self._error is not None:
                    return

    def _put(self, changes: Sequence[Change], token: Token) -> None:
        with self._moved:
            self._moved.wait_for(lambda: self._closed or not self._is_full())
            self._token = token
            self._inbox.extend(changes)
            self._bytes += sum(change.size for change in changes)
            self._pressing += sum(is_pressing(change.event) for change in changes)
            if changes:
                self._moved.notify_all()

    def _is_full(self) -> bool:
        return len(self._inbox) >= INBOX_COUNT or self._bytes >= INBOX_BYTES

    def _stop(self, error: QueueError) -> None:
        with self._moved:
            self._error = error
            self._moved.notify_all()


def is_pressing(event: Recorded | Poison) -> bool:
    """Whether somebody may need the event in the views to go on.

    A claim and a completion take a job from the workers' sight, and those remember what they tried.
    """
    return isinstance(event, Poison) or type(event.event) not in CALM
