"""Signals: hints that the views have moved, through a capped collection and tailable cursors.

A signal is never a fact: a lost one costs a fallback poll. (Not a change stream for each listener: each would scan
the whole oplog.)
"""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from bson.timestamp import Timestamp
from pymongo import CursorType
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.write_concern import WriteConcern

from eventqueue.codec import CODEC
from eventqueue.finder import Signal
from eventqueue.mongo_errors import translated

logger = logging.getLogger(__name__)

AWAIT_MS = 1000


class Signals:
    """Publishes and follows the signals of one database."""

    def __init__(self, database: Database[Any]) -> None:
        # One node's word is enough for a hint.
        self._signals = database.get_collection("signals", CODEC, write_concern=WriteConcern(1, j=False))

    def publish(self, signal: Signal) -> None:
        """Tell all who listen; a failure is logged and otherwise as if the signal were lost."""
        # The server fills in `ts`: listeners start behind the newest one, whichever process published it.
        document = {"ts": Timestamp(0, 0), **msgspec.to_builtins(signal, builtin_types=(datetime,))}
        try:
            self._signals.insert_one(document)
        except PyMongoError as error:
            logger.warning("a signal was lost: %s", type(error).__name__)

    def follow(self) -> Iterator[Signal | None]:
        """Yield each signal published from now on, and None about once a second when there is none.

        Raises Unavailable, and ends when the cursor dies: call it again, and look at the view meanwhile.
        """
        with translated():
            newest = self._signals.find_one(sort=[("$natural", -1)])
            after = newest["ts"] if newest else Timestamp(0, 1)
            cursor = self._signals.find({"ts": {"$gt": after}}, cursor_type=CursorType.TAILABLE_AWAIT)
        with cursor.max_await_time_ms(AWAIT_MS):
            while cursor.alive:
                with translated():
                    found = next(cursor, None)
                yield None if found is None else msgspec.convert(found, Signal)
