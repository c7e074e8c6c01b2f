"""The ground that everything stands on in one database: its log, the log's id, and the database's clock."""

from typing import Any

import msgspec
from pymongo.database import Database

from eventqueue.mongo.clock import DatabaseClock
from eventqueue.mongo.layout import prepare
from eventqueue.mongo.log import MongoLog


class Ground(msgspec.Struct, frozen=True):
    """One database with its log; shared by all that a process does with it."""

    database: Database[Any]
    log: MongoLog
    log_id: str
    clock: DatabaseClock


def stand_on(database: Database[Any]) -> Ground:
    """Prepare `database` and return the ground in it. Raises what `layout.prepare` raises."""
    return Ground(database, MongoLog(database), prepare(database), DatabaseClock(database.client))
