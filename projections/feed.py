"""Reads the tail in a thread of its own, so that the next batch is decoded while the last one is applied.

What has been read waits in a bounded inbox; a batch is whatever lies there when the applier is free, so it grows
while the applier is busy and goes at once when it is idle.
"""

import threading
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import msgspec
from pymongo.database import Database

from eventqueue.errors import QueueError, Unavailable
from eventqueue.events import Recorded
from projections.checkpoint import Token
from projections.decoding import Poison
from projections.tail import Change, Tail

INBOX_COUNT, INBOX_BYTES = 20_000, 32 * 1024 * 1024


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
            self._bytes -= taken
            self._moved.notify_all()
            return Batch(events, token if self._inbox else self._token, taken)

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
            if changes:
                self._moved.notify_all()

    def _is_full(self) -> bool:
        return len(self._inbox) >= INBOX_COUNT or self._bytes >= INBOX_BYTES

    def _stop(self, error: QueueError) -> None:
        with self._moved:
            self._error = error
            self._moved.notify_all()
