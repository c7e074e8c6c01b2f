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
from bson.codec_options import DatetimeConversion
from bson.errors import InvalidBSON
from bson.raw_bson import RawBSONDocument
from bson.timestamp import Timestamp
from pymongo.change_stream import ChangeStream
from pymongo.database import Database
from pymongo.errors import OperationFailure
from pymongo.read_preferences import ReadPreference

from eventqueue.codec import CODEC, from_document
from eventqueue.errors import HistoryLost, QueueError, UnreadableEvent
from eventqueue.events import Recorded
from eventqueue.mongo_errors import translated
from eventqueue.mongo_log import MAJORITY, RAW
from projections.checkpoint import Token, token_time

# CappedPositionLost, InvalidResumeToken (of a collection that was dropped), ChangeStreamFatalError, …HistoryLost
_HISTORY_LOST = {136, 260, 280, 286}
# For the place of an event that Python cannot hold: a date beyond the year 9999, a text that is no UTF-8.
_LENIENT = CODEC.with_options(
    datetime_conversion=DatetimeConversion.DATETIME_AUTO, unicode_decode_error_handler="replace"
)
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
        events = database.get_collection("events", RAW, ReadPreference.PRIMARY, read_concern=MAJORITY)
        with history_translated():
            self._stream = events.watch(_PIPELINE, resume_after=token, max_await_time_ms=await_ms)

    def next(self) -> Change | None:
        """Return the next event, or None if none came in time; `token` has moved either way.

        Raises UnknownEventType for an event of a newer eventqueue, HistoryLost where the oplog has been overrun.
        """
        with history_translated():
            raw = self._stream.try_next()
        if raw is None:
            check_alive(self._stream)
            return None
        return _to_change(raw)

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


def check_alive(stream: ChangeStream[Any]) -> None:
    """Raise HistoryLost where the stream has ended: it goes on answering "nothing yet" when its collection is gone."""
    if not stream.alive:
        raise HistoryLost("The collection `events` was dropped, to restore a backup perhaps.")


def _to_change(raw: RawBSONDocument) -> Change:
    try:
        change = bson.decode(raw.raw, CODEC)
        event: Recorded | Poison = from_document(change["fullDocument"])
    except (UnreadableEvent, InvalidBSON) as error:
        change = bson.decode(raw.raw, _LENIENT)
        key = change["fullDocument"]["_id"]
        event = Poison(key["stream"], key["version"], str(error))
    return Change(event, change["_id"], len(raw.raw))


@contextmanager
def history_translated() -> Iterator[None]:
    """As `translated`, but HistoryLost where the oplog does not reach back to the token."""
    try:
        with translated():
            yield
    except QueueError as error:
        if isinstance(error.__cause__, OperationFailure) and error.__cause__.code in _HISTORY_LOST:
            raise HistoryLost("The oplog no longer reaches back to the checkpoint.") from error
        raise
