"""Signals: hints that the views have moved, through a capped collection and tailable cursors.

A signal is never a fact: a lost one costs a fallback poll. (Not a change stream for each listener: each would scan
the whole oplog.)
"""

import logging
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from bson.timestamp import Timestamp
from pymongo import CursorType
from pymongo.database import Database
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from eventqueue.errors import AccessDenied, DatabaseFailed, Unavailable
from eventqueue.model.codec import CODEC
from eventqueue.mongo.errors import translated
from eventqueue.mongo.layout import UNAUTHORIZED, mend_signals
from eventqueue.ports.finder import Signal

logger = logging.getLogger(__name__)

AWAIT_MS = 1000


class Signals:
    """Publishes and follows the signals of one database."""

    def __init__(self, database: Database[Any]) -> None:
        # One node's word is enough for a hint.
        self._signals = database.get_collection("signals", CODEC, ReadPreference.PRIMARY, WriteConcern(1, j=False))

    def publish(self, signal: Signal) -> None:
        """Tell all who listen; a failure is logged and otherwise as if the signal were lost."""
        # The server fills in `ts`: listeners start behind the newest one, whichever process published it.
        document = {"ts": Timestamp(0, 0), **msgspec.to_builtins(signal, builtin_types=(datetime,))}
        try:
            self._signals.insert_one(document)
        except PyMongoError as error:
            # Whose role lets him only append is not told each time: what he has done is found without it.
            is_denied = isinstance(error, OperationFailure) and error.code == UNAUTHORIZED
            logger.log(logging.DEBUG if is_denied else logging.WARNING, "a signal was lost: %s", type(error).__name__)

    def follow(self, await_s: float | None = None) -> Iterator[Signal | None]:
        """Yield each signal published from this call on, and None when there is none: about once a second, or in
        `await_s`, which must be less than a call may take.

        Does not end: where the cursor dies (a slow listener's place is overwritten in time), it goes on with what is
        still there. Raises Unavailable.
        """
        with translated():
            newest = self._signals.find_one(sort=[("$natural", -1)])
        await_ms = AWAIT_MS if await_s is None else round(1000 * await_s)
        return self._follow(newest["ts"] if newest else Timestamp(0, 1), await_ms)

    def _mend(self) -> None:
        """See to it that there is something to follow; who may not do that polls."""
        try:
            mend_signals(self._signals.database)
        except (AccessDenied, DatabaseFailed) as error:
            raise Unavailable(f"There are no signals to follow: {error}") from error

    def _follow(self, after: Timestamp, await_ms: int) -> Iterator[Signal | None]:
        while True:
            self._mend()
            with self._signals.find({"ts": {"$gt": after}}, cursor_type=CursorType.TAILABLE_AWAIT) as cursor:
                cursor.max_await_time_ms(await_ms)
                while cursor.alive:
                    with translated():
                        found = next(cursor, None)
                    if found is not None:
                        after = found["ts"]
                    yield None if found is None else msgspec.convert(found, Signal)
            time.sleep(AWAIT_MS / 1000)  # on an empty collection a cursor dies at once
