"""The ground that everything stands on in one database: its log, the log's id, and the database's clock."""

from typing import Any

import msgspec
from pymongo.database import Database

from eventqueue.mongo.clock import DatabaseClock
from eventqueue.mongo.errors import translated
from eventqueue.mongo.layout import prepare
from eventqueue.mongo.log import MAJORITY, MongoLog


class Ground(msgspec.Struct, frozen=True):
    """One database with its log; shared by all that a process does with it."""

    database: Database[Any]
    log: MongoLog
    log_id: str
    clock: DatabaseClock


def look_at(database: Database[Any]) -> Ground:
    """Return the ground in `database` as it is: nothing is prepared. The log's id is empty where there is none."""
    with translated():
        layout = database.get_collection("layout", read_concern=MAJORITY).find_one({"_id": "layout"}) or {}
    return Ground(database, MongoLog(database), str(layout.get("log", "")), DatabaseClock(database.client))


def stand_on(database: Database[Any]) -> Ground:
    """Prepare `database` and return the ground in it. Raises what `layout.prepare` raises."""
    return Ground(database, MongoLog(database), prepare(database), DatabaseClock(database.client))
