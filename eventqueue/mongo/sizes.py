"""How much room a database takes on its server's disk."""

from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from eventqueue.mongo.errors import translated
from eventqueue.mongo.layout import NAMESPACE_NOT_FOUND, UNAUTHORIZED


def sizes(database: Database[Any]) -> dict[str, int | None]:
    """Return the bytes of each part, indexes included, and of all for each job; None: this user may not know.

    Views that are being built are counted with the live ones.
    """
    with translated():  # not through the views' reader: this has to be known where nothing else works
        generation = (database["views"].find_one({"_id": "alias"}) or {}).get("generation")
    names = _names(database)
    kinds = {name.rpartition("-")[0] for name in names if name.endswith(f"-{generation}")}
    views = sorted(name for name in names if name.rpartition("-")[0] in kinds and name.rpartition("-")[2].isdigit())
    jobs = None if generation is None else f"jobs-{generation}"
    found = {
        "events": _size(database, ["events"]),
        "views": _size(database, views),
        "outputs": _size(database, ["outputs"]),
        "oplog": _size(database.client["local"], ["oplog.rs"]),
    }
    count = database[jobs].estimated_document_count() if jobs else 0
    parts = [found[part] for part in ("events", "views", "outputs")]
    known = [part for part in parts if part is not None]
    each = sum(known) // count if count and len(known) == len(parts) else None
    return {**found, "each_job": each}


def _names(database: Database[Any]) -> list[str]:
    with translated():
        return database.list_collection_names(authorizedCollections=True)


def _size(database: Database[Any], names: list[str]) -> int | None:
    total = 0
    for name in names:
        with translated():
            try:
                (stats,) = database[name].aggregate([{"$collStats": {"storageStats": {}}}])
            except OperationFailure as error:
                if error.code == UNAUTHORIZED:
                    return None
                if error.code != NAMESPACE_NOT_FOUND:
                    raise
                continue
        total += stats["storageStats"]["storageSize"] + stats["storageStats"].get("totalIndexSize", 0)
    return total
