"""A log that is brought into an empty database, event by event as it was stored elsewhere.

Until the last event is there the layout document says so, and nobody takes the database for a log. What was cut off is
gone on with by bringing the same in again: an event that is there already, with the same bytes, is none to fear.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError, OperationFailure, WriteConcernError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from eventqueue.errors import DatabaseFailed, LogIncomplete, Refused
from eventqueue.model.codec import LENIENT
from eventqueue.model.portions import portions
from eventqueue.mongo.errors import DUPLICATE_KEY, translated
from eventqueue.mongo.layout import (
    ARRIVING,
    LAYOUT,
    PART,
    UNREADY,
    VALIDATOR_VERSION,
    create,
    create_log,
)
from eventqueue.mongo.log import DURABLE, MAJORITY, PLACED
from eventqueue.mongo.slices import outlasting

BATCH = 2000  # events
IDS = 10_000  # that are looked through at once
INVALID = 121  # the server's code for what the validator refuses
# Its codes for what it takes from nobody: BadValue (too large), Overflow (too deep), InvalidBSON, and an odd `_id`.
NEVER_TAKEN = {2, 15, 22, 52, 53}
WHY_MAX = 200  # characters of what the server says, which may name each level of a document
_RAW = LENIENT.with_options(document_class=RawBSONDocument)


class Origin(msgspec.Struct, frozen=True):
    """What is brought in: `key` tells it from all else, `source` says to people where it is from."""

    key: str
    source: str
    log: str  # the id that the log has from now on
    option: str  # by which a command is given the database's name
    may_be_cut: bool = False  # whether streams may be without their beginnings
    is_part: bool = False  # of another log: not all that its events name is among them


def arrive(
    database: Database[Any], origin: Origin, events: Iterable[bytes], progress: Callable[[int], object] = lambda _: None
) -> int:
    """Bring stored events into an empty database, in any order, and return how many they were.

    What ends `events` with an error leaves the database as one into which the same can be brought again.
    Raises Refused for a database that is not empty, and, having taken all back, for a stream without its beginning and
    for an event that the server takes never; LogIncomplete for a database that holds a part of something else.
    """
    is_new = _begin(database, origin)
    number = 0
    for some in _batches(events):
        try:
            outlasting(lambda some=some: _put(database, some))  # type: ignore[misc]
        except _NeverTaken as error:
            give_up(database, origin)
            raise Refused(f"MongoDB takes one of the events never: {error}. Nothing was imported.") from None
        except _Otherwise:
            if is_new:
                give_up(database, origin)
                raise Refused(
                    "Two of the events stand in the same place: that is no log. Nothing was imported."
                ) from None
            raise LogIncomplete(
                f"Database {database.name!r} holds other events than those that are brought in: drop it."
            ) from None
        number += len(some)
        progress(number)
    if origin.may_be_cut:
        _check_whole(database, origin)
    _end(database)
    return number


class _NeverTaken(Exception):
    """The server refuses an event for what it is."""

    def __init__(self, why: str) -> None:
        super().__init__(why[:WHY_MAX].rstrip("."))


class _Otherwise(Exception):
    """In the place of an event there is another one."""


def give_up(database: Database[Any], origin: Origin) -> None:
    """Take back what was brought in, so that the database is as empty as it was."""
    with translated():
        if _layouts(database).find_one({"_id": "layout", f"{ARRIVING}.key": origin.key}) is not None:
            database.drop_collection("events")
            database.drop_collection("layout")


def _begin(database: Database[Any], origin: Origin) -> bool:
    """Mark a database as one into which this is brought, and return whether nothing of it is there yet."""
    with translated():
        found = _layouts(database).find_one({"_id": "layout"})
        is_new = found is None
        if found is None and not database.list_collection_names():
            found = _mark(database, origin)
        if found is not None and ARRIVING not in found and found.get("log") == origin.log:
            raise Refused(
                f"Database {database.name!r} is this log already, and nothing was brought in: `audit verify --all` "
                f"tells what it has, and {origin.option} NAME brings it into another one."
            )
        if found is None or ARRIVING not in found:
            raise Refused(
                f"Database {database.name!r} is not empty: give the name of a new one by {origin.option} NAME."
            )
        if found[ARRIVING]["key"] != origin.key:
            raise LogIncomplete(
                f"Database {database.name!r} holds a part of another log, {found[ARRIVING]['from']}: "
                "bring that one in again, or drop the database."
            )
        create_log(database)
        return is_new


def _mark(database: Database[Any], origin: Origin) -> Mapping[str, Any]:
    arriving = {"key": origin.key, "from": origin.source}
    marked = {
        "_id": "layout",
        "log": origin.log,
        "version": UNREADY,
        "validator": VALIDATOR_VERSION,
        ARRIVING: arriving,
        **({PART: True} if origin.is_part else {}),
    }
    try:
        _layouts(database).insert_one(marked)
    except DuplicateKeyError:  # somebody else was first: a log, or the same once more
        return _layouts(database).find_one({"_id": "layout"}) or {}
    return marked


def _batches(events: Iterable[bytes]) -> Iterable[Sequence[bytes]]:
    for portion in portions(events, len):
        for start in range(0, len(portion), BATCH):
            yield portion[start : start + BATCH]


def _put(database: Database[Any], events: Sequence[bytes], *, is_valid: bool = True) -> None:
    reply = _insert(database, events, is_valid=is_valid)
    if failure := reply.get("writeConcernError"):
        raise WriteConcernError(failure["errmsg"], failure["code"], failure)
    failures = [(one["code"], events[one["index"]], one) for one in reply.get("writeErrors", ())]
    if invalid := [raw for code, raw, _ in failures if code == INVALID]:
        # What somebody has put into the log all the same: it takes a right of its own to do it again.
        _put(database, invalid, is_valid=False)
    for code, _, one in failures:
        if code in NEVER_TAKEN:
            raise _NeverTaken(str(one.get("errmsg", code)))
        if code not in (DUPLICATE_KEY, INVALID):
            raise DatabaseFailed(f"MongoDB refused an event: {one.get('errmsg', code)}.")
    _check_same(database, [raw for code, raw, _ in failures if code == DUPLICATE_KEY])


def _insert(database: Database[Any], events: Sequence[bytes], *, is_valid: bool) -> Mapping[str, Any]:
    try:
        reply: Mapping[str, Any] = database.command(
            {
                "insert": "events",
                "documents": [RawBSONDocument(raw, _RAW) for raw in events],
                "ordered": False,
                **({} if is_valid else {"bypassDocumentValidation": True}),
                "writeConcern": DURABLE.document,
            }
        )
    except OperationFailure as error:
        if error.code in NEVER_TAKEN:
            raise _NeverTaken(str((error.details or {}).get("errmsg", error.code))) from None
        raise
    return reply


def _check_same(database: Database[Any], events: Sequence[bytes]) -> None:
    """Make sure that events whose places are taken are there already, byte for byte."""
    # As the primary has them by now: what an earlier try has put there need not have reached a majority yet.
    stored = database.get_collection("events", _RAW, ReadPreference.PRIMARY, read_concern=ReadConcern("local"))
    places = [RawBSONDocument(raw, _RAW)["_id"] for raw in events]
    if {doc.raw for doc in stored.find({"_id": {"$in": places}})} != set(events):
        raise _Otherwise


def _check_whole(database: Database[Any], origin: Origin) -> None:
    for stream, version in _firsts(database):
        if version > 1:
            give_up(database, origin)
            raise Refused(
                f"Stream {stream} begins with version {version}: what was left out by --since can be read, but makes "
                "no log. Export all of it. Nothing was imported."
            )


def _firsts(database: Database[Any]) -> Iterator[tuple[str, int]]:
    """Yield each stream with its first version; what stands in none is passed over."""
    bound: Mapping[str, Any] = PLACED["_id"]
    # Raw, since the places go back to the server as the bytes that it orders by.
    events = database.get_collection("events", _RAW, ReadPreference.PRIMARY, DURABLE, MAJORITY)
    seen: str | None = None
    while True:
        # By the index alone, which has all that is asked for.
        query = {"_id": bound}
        found = outlasting(
            lambda query=query: list(events.find(query, {"_id": 1}, sort=[("_id", 1)], limit=IDS))  # type: ignore[misc]
        )
        for place in (one["_id"] for one in found):
            match place:
                case {"stream": str(stream), "version": int(version)} if stream != seen:
                    seen = stream
                    yield stream, version
        if len(found) < IDS:
            return
        bound = {"$gt": found[-1]["_id"]}


def _end(database: Database[Any]) -> None:
    with translated():
        create(database)
        _layouts(database).update_one({"_id": "layout"}, {"$unset": {ARRIVING: ""}, "$set": {"version": LAYOUT}})


def _layouts(database: Database[Any]) -> Any:
    return database.get_collection("layout", write_concern=DURABLE, read_concern=MAJORITY)
