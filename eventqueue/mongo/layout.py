"""What the write side keeps in its database, created on first use and checked at every later one.

The layout document holds the log's own id and the layout's version: a newer layout, or views of another log, are
refused before anything is written.
"""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from bson.timestamp import Timestamp
from pymongo import IndexModel, timeout
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.errors import CollectionInvalid, DuplicateKeyError, OperationFailure

from eventqueue.errors import LayoutTooNew, LogIncomplete
from eventqueue.model.codec import NAME_MAX
from eventqueue.model.settings import RETENTION, SETTINGS
from eventqueue.mongo.errors import translated
from eventqueue.mongo.log import DURABLE, MAJORITY, PLACED
from eventqueue.mongo.outputs import Outputs
from eventqueue.mongo.progress import Progresses
from eventqueue.mongo.watches import Watches

LAYOUT = 1
PART = "part"  # in the layout document of a log that is a part of another: what its events name may be elsewhere
ARRIVING = "arriving"  # in the layout document while a log is brought in: what it is, and where it is from
UNREADY = 1000  # the layout's version meanwhile: who does not know what arriving is, refuses it
UNAUTHORIZED, NAMESPACE_NOT_FOUND, NAMESPACE_EXISTS = 13, 26, 48  # the server's codes

_BYTES = {"bsonType": "binData"}
# Structure only, never the list of types: an older server must take a newer client's event.
# That there is nothing but the required is said by their number, which costs less than `additionalProperties`.
EVENT_SCHEMA = {
    "bsonType": "object",
    "maxProperties": 12,
    "required": ["_id", "id", "type", "schema", "at", "actor", "bucket", "cause", "data", "prev", "ts", "hash"],
    "properties": {
        "_id": {
            "bsonType": "object",
            "maxProperties": 2,
            "required": ["stream", "version"],
            "properties": {
                "stream": {"bsonType": "string", "pattern": "^[a-z]+-", "maxLength": NAME_MAX},
                "version": {"bsonType": ["int", "long"], "minimum": 1},
            },
        },
        "id": _BYTES,
        "type": {"bsonType": "string", "minLength": 1, "maxLength": NAME_MAX},
        "schema": {"bsonType": ["int", "long"], "minimum": 1},
        "at": {"bsonType": "date"},
        "actor": {"bsonType": "string", "minLength": 1},
        "bucket": {"bsonType": ["int", "long"], "minimum": 0, "maximum": 63},
        "cause": {"bsonType": ["binData", "null"]},
        "data": {"bsonType": "object"},
        "prev": {"bsonType": ["binData", "null"]},
        "ts": {"bsonType": "timestamp"},
        "hash": _BYTES,
    },
}
# The schema cannot see in which order the two stand in `_id`. With the version in front an event would be in the range
# of no reader, and yet in the tail.
VALIDATOR: Mapping[str, Any] = {"$jsonSchema": EVENT_SCHEMA, **PLACED}
VALIDATOR_VERSION = 3  # counted up with each change: a database that has an older one is given it at its next use

INDEXES = [
    # Nearly the order of insertion: serves a re-scan and `--since`. Never a position: a smaller one may
    # become visible later.
    IndexModel([("ts", 1)], name="ts"),
]

SIGNALS_BYTES = 1024 * 1024


def prepare(database: Database[Any]) -> str:
    """Create what is missing and return the log's id.

    Raises LayoutTooNew for a database written by a newer eventqueue, LogIncomplete for one into which a log is brought.
    """
    with translated():
        layouts = database.get_collection("layout", write_concern=DURABLE, read_concern=MAJORITY)
        found = layouts.find_one({"_id": "layout"})
        if found is None:
            create(database)
            found = {"_id": "layout", "log": uuid4().hex, "version": LAYOUT, "validator": VALIDATOR_VERSION}
            try:
                layouts.insert_one(found)
            except DuplicateKeyError:  # another process prepared it at the same time
                found = layouts.find_one({"_id": "layout"}) or found
        check_arrived(database.name, found)
        if found["version"] > LAYOUT:
            raise LayoutTooNew(
                f"Database {database.name!r} has layout {found['version']}, this eventqueue knows {LAYOUT}: upgrade it."
            )
        if found.get("validator", 1) < VALIDATOR_VERSION:
            _renew_validator(database, layouts)
    return str(found["log"])


def is_part(database: Database[Any]) -> bool:
    """Whether the log in a database is a part of another one, brought in from an export of some of it."""
    with translated():
        layouts = database.get_collection("layout", read_concern=MAJORITY)
        return bool((layouts.find_one({"_id": "layout"}) or {}).get(PART))


def check_arrived(name: str, layout: Mapping[str, Any]) -> None:
    """Raise LogIncomplete for a database into which a log is brought, by its layout document."""
    if ARRIVING in layout:
        raise LogIncomplete(
            f"Database {name!r} holds a part of a log, {layout[ARRIVING]['from']}: bring it in again, "
            "which goes on from there, or drop the database."
        )


def _renew_validator(database: Database[Any], layouts: Collection[Any]) -> None:
    """Give `events` this version's validator. Who may not works as before: `doctor` says what is missing."""
    try:
        database.command("collMod", "events", validator=VALIDATOR, writeConcern=DURABLE.document)
        layouts.update_one({"_id": "layout"}, {"$max": {"validator": VALIDATOR_VERSION}})
    except OperationFailure as error:
        if error.code not in (UNAUTHORIZED, NAMESPACE_NOT_FOUND):
            raise


def _create_signals(database: Database[Any]) -> None:
    create_collection(database, "signals", capped=True, size=SIGNALS_BYTES)
    # A tailable cursor on an empty collection dies at once.
    database["signals"].insert_one({"ts": Timestamp(0, 0), "generation": 0})


def mend_signals(database: Database[Any]) -> None:
    """Have the collection of signals capped again: one that was dropped comes back uncapped with the next signal."""
    with translated():
        if database["signals"].options().get("capped"):
            return
        if "signals" in database.list_collection_names(filter={"name": "signals"}):
            database.command("convertToCapped", "signals", size=SIGNALS_BYTES)
        else:
            _create_signals(database)


def create(database: Database[Any]) -> None:
    """Create the collections that are missing, with their indexes."""
    create_log(database)
    _create_signals(database)
    for name in ("outputs", "progress", "watches", "workers", "views", "checkpoints", "leases"):
        create_collection(database, name)
    keep_s = SETTINGS[RETENTION].builtin
    assert isinstance(keep_s, int | float)
    Outputs(database).keep_for(keep_s)
    Progresses(database).prepare()
    Watches(database).prepare()


def create_log(database: Database[Any]) -> None:
    """Create the collection of the log with its indexes, if it is not there."""
    create_collection(database, "events", validator=VALIDATOR)
    with timeout(None):  # where very many events are there already, as somebody has put them there, it takes minutes
        database["events"].create_indexes(INDEXES)


def create_collection(database: Database[Any], name: str, **options: Any) -> None:
    """Create a collection, unless it is there already."""
    try:
        database.create_collection(name, check_exists=False, write_concern=DURABLE, **options)
    except (CollectionInvalid, OperationFailure) as error:
        if getattr(error, "code", None) != NAMESPACE_EXISTS:  # another process was first
            raise
