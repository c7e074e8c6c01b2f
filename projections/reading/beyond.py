"""Which of the log's events lie beyond a checkpoint, as the log's tail tells."""

from collections.abc import Sequence
from typing import Any

from pymongo.database import Database

from eventqueue.errors import Unavailable
from eventqueue.mongo.clock import majority_time
from projections.keeping.checkpoint import Token, token_time
from projections.keeping.tail import Change, Tail


class Beyond:
    """What lies beyond the checkpoint at `token`, as far as it was learnt; to be closed."""

    def __init__(self, database: Database[Any], token: Token) -> None:
        self._database = database
        self.count = 0  # events
        self._first: dict[str, int] = {}  # stream -> the first of its versions that the checkpoint does not cover
        self._tail = Tail(database, token, await_ms=1)
        self._is_torn = False  # its server is gone, perhaps: it is read on from another one

    def close(self) -> None:
        """Give the tail's cursor back."""
        self._tail.__exit__(None, None, None)

    def learn(self) -> None:
        """Read the tail up to now: whatever the log showed before lies beyond, or it does not."""
        until = majority_time(self._database)
        while True:
            changes = self._read()
            self.count += len(changes)
            for change in changes:
                self._first.setdefault(change.event.stream, change.event.version)
            if token_time(changes[-1].token) > until if changes else self._tail.time >= until:
                return

    def covered(self, stream: str, length: int) -> int:
        """Return how many of the `length` events that a stream has the checkpoint covers."""
        return min(length, self._first.get(stream, length + 1) - 1)

    def _read(self) -> Sequence[Change]:
        if self._is_torn:
            self._tail, self._is_torn = Tail(self._database, self._tail.token, await_ms=1), False
        try:
            return self._tail.read()
        except Unavailable:
            self._is_torn = True
            raise
