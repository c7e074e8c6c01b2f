"""The tail of the log: events as they are committed, read from a change stream.

A change stream shows majority-committed inserts in the order of the oplog, each with a token from which another
reader goes on; also without events the token moves, so that a quiet stream does not age out of the oplog.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from operator import itemgetter
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec
from bson.timestamp import Timestamp
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError, ServerSelectionTimeoutError, WaitQueueTimeoutError
from pymongo.read_preferences import ReadPreference

from eventqueue.errors import HistoryLost, QueueError, Unavailable
from eventqueue.model.codec import CODEC
from eventqueue.model.events import Recorded
from eventqueue.mongo.errors import CURSOR_GONE, translated
from eventqueue.mongo.log import MAJORITY
from projections.folds.decoding import Poison, events_in
from projections.keeping.checkpoint import Token, token_time

AWAIT_MS = 1000
REPLY_COUNT = 2000  # events in one reply: the first of them should not wait for all the others to be decoded

# CappedPositionLost, InvalidResumeToken (of a collection that was dropped), ChangeStreamFatalError, …HistoryLost
_HISTORY_LOST = {136, 260, 280, 286}
_UNREACHED = (ServerSelectionTimeoutError, WaitQueueTimeoutError)
_FULL = itemgetter("fullDocument")
_PIPELINE: list[Mapping[str, Any]] = [{"$match": {"operationType": "insert"}}, {"$project": {"fullDocument": 1}}]


class Change(msgspec.Struct, frozen=True, gc=False):
    """One event of the tail, the token behind it, and the size in bytes that those of its reply have on average."""

    event: Recorded | Poison
    token: Token
    size: int


class Tail:
    """The events after `token` (None: from now on); a context manager.

    `await_ms`: how long `read` may wait for one; `most`: how many it returns at most.

    Raw batches and not the driver's change stream: that hands out event by event, which costs as much as decoding
    them, and after a lost connection it goes on by itself, perhaps on a restored backup of another past.
    """

    def __init__(
        self, database: Database[Any], token: Token | None, await_ms: int = AWAIT_MS, most: int | None = None
    ) -> None:
        events = database.get_collection("events", CODEC, ReadPreference.PRIMARY, read_concern=MAJORITY)
        start = {"$changeStream": {} if token is None else {"resumeAfter": token}}
        with history_translated(is_far=token is not None):
            # The driver declares another type than what it returns.
            self._cursor: Any = events.aggregate_raw_batches(
                [start, *_PIPELINE], batchSize=most or REPLY_COUNT, maxAwaitTimeMS=await_ms
            )
        self._token = self._start = token

    def read(self) -> list[Change]:
        """Return the next events, none if none came in time; `token` has moved either way.

        Raises HistoryLost where the oplog has been overrun.
        """
        with history_translated(is_far=self._token is not None and self._token == self._start):
            raw = self._cursor.try_next()
        check_alive(self._cursor)
        # The driver offers it in public only where it hands out single events.
        token = self._cursor._post_batch_resume_token
        assert token is not None
        self._token = {"_data": token["_data"]}
        return [] if raw is None else _decoded(bytes(raw))

    @property
    def token(self) -> Token:
        """Where the tail stands: behind the last event returned and all that was scanned."""
        assert self._token is not None
        return self._token

    @property
    def time(self) -> Timestamp:
        """The cluster time up to which every event has been returned, if `read` returned none last."""
        return token_time(self.token)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cursor.close()


def _decoded(batch: bytes) -> list[Change]:
    pairs = list(events_in(batch, _FULL))
    size = len(batch) // max(1, len(pairs))
    return [Change(event, document["_id"], size) for document, event in pairs]


def token_now(database: Database[Any]) -> Token:
    """Return a token from which every event that is committed from now on will be seen."""
    with Tail(database, None, await_ms=1) as tail:
        tail.read()
        return tail.token


class _Stream(Protocol):
    @property
    def alive(self) -> bool: ...


def check_alive(stream: _Stream) -> None:
    """Raise HistoryLost where the stream has ended: it goes on answering "nothing yet" when its collection is gone."""
    if not stream.alive:
        raise HistoryLost("The collection `events` was dropped, to restore a backup perhaps.")


@contextmanager
def history_translated(*, is_far: bool = False) -> Iterator[None]:
    """As `translated`, but HistoryLost where the oplog does not reach back to the token, Unavailable where the
    stream ended and another may be opened.

    `is_far`: nothing was read yet from a token. The server goes through all that was written since, by whomever, before
    it says a word: where that takes longer than a call may, it always will, and the log itself is the shorter way.
    """
    try:
        with translated():
            yield
    except QueueError as error:
        cause = error.__cause__
        if is_far and isinstance(cause, PyMongoError) and cause.timeout and not isinstance(cause, _UNREACHED):
            raise HistoryLost("Too much was written since the checkpoint for the oplog to be followed.") from error
        if not isinstance(cause, OperationFailure):
            raise
        if cause.code in _HISTORY_LOST:
            raise HistoryLost("The oplog no longer reaches back to the checkpoint.") from error
        if cause.code in CURSOR_GONE or cause.has_error_label("ResumableChangeStreamError"):
            raise Unavailable("The log's tail broke off: it is read again from the checkpoint.") from error
        raise
