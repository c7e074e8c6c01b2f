"""The tail of the log: events as they are committed, read from a change stream.

A change stream shows majority-committed inserts in the order of the oplog, each with a token from which another
reader goes on; also without events the token moves, so that a quiet stream does not age out of the oplog.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import bson
import msgspec
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.database import Database
from pymongo.errors import OperationFailure

from eventqueue.codec import CODEC, from_document
from eventqueue.errors import HistoryLost, QueueError, UnreadableEvent
from eventqueue.events import Recorded
from eventqueue.mongo_errors import translated
from eventqueue.mongo_log import MAJORITY, RAW
from projections.checkpoint import Token, token_time

_HISTORY_LOST = {286, 280}  # ChangeStreamHistoryLost, ChangeStreamFatalError
_PIPELINE: list[Mapping[str, Any]] = [{"$match": {"operationType": "insert"}}, {"$project": {"fullDocument": 1}}]


class Poison(msgspec.Struct, frozen=True):
    """An event that cannot be read; its job is parked."""

    stream: str
    version: int
    problem: str


class Change(msgspec.Struct, frozen=True):
    """One event of the tail, the token behind it, and its size in bytes."""

    event: Recorded | Poison
    token: Token
    size: int


class Tail:
    """The events after `token`; a context manager. `await_ms`: how long `next` may wait for one."""

    def __init__(self, database: Database[Any], token: Token | None, await_ms: int = 250) -> None:
        events = database.get_collection("events", RAW, read_concern=MAJORITY)
        with _translated():
            self._stream = events.watch(_PIPELINE, resume_after=token, max_await_time_ms=await_ms)

    def next(self) -> Change | None:
        """Return the next event, or None if none came in time; `token` has moved either way.

        Raises UnknownEventType for an event of a newer eventqueue, HistoryLost where the oplog has been overrun.
        """
        with _translated():
            raw = self._stream.try_next()
        return None if raw is None else _to_change(raw)

    @property
    def token(self) -> Token:
        """Where the tail stands: behind the last event returned, or, when there was none, behind what was scanned."""
        token = self._stream.resume_token
        assert token is not None
        return dict(token)

    @property
    def time(self) -> Timestamp:
        """The cluster time up to which every event has been returned, if `next` returned None last."""
        return token_time(self.token)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()


def token_now(database: Database[Any]) -> Token:
    """Return a token from which every event that is committed from now on will be seen."""
    with Tail(database, None, await_ms=1) as tail:
        tail.next()
        return tail.token


def _to_change(raw: RawBSONDocument) -> Change:
    change = bson.decode(raw.raw, CODEC)
    document = change["fullDocument"]
    try:
        event: Recorded | Poison = from_document(document)
    except UnreadableEvent as error:
        event = Poison(document["_id"]["stream"], document["_id"]["version"], str(error))
    return Change(event, change["_id"], len(raw.raw))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        with translated():
            yield
    except QueueError as error:
        if isinstance(error.__cause__, OperationFailure) and error.__cause__.code in _HISTORY_LOST:
            raise HistoryLost("The oplog no longer reaches back to the checkpoint.") from error
        raise
