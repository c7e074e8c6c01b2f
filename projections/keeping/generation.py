"""A generation: the views of one set of projections, built together, switched together, dropped together.

The alias names the generation that readers use. It is looked up whenever a cursor is opened, by workers when no signal
has told of it for a second: so nobody goes on reading an old one for long.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import bson
import pymongo
from pymongo import IndexModel
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference

from eventqueue.errors import AccessDenied
from eventqueue.model.codec import CODEC
from eventqueue.mongo.errors import translated
from eventqueue.mongo.log import DURABLE, MAJORITY
from projections.folds.due import HELD, READY, WAITING

IS_READY, IS_WAITING, IS_HELD = {"ready": READY}, {"ready": WAITING}, {"ready": HELD}
NEWEST_FIRST = [("created_at", -1), ("nth", -1), ("_id", -1)]  # the jobs of one call have one time of creation
# Type and name together: by the type alone the index over parked jobs would not serve.
PARKED = {"parked": {"$type": "object"}, "parked.projection": {"$type": "string"}}

INDEXES: Mapping[str, Sequence[IndexModel]] = {
    "jobs": [
        # `list`, newest first, `list --tag` and `--queue`; no transition moves these.
        IndexModel(NEWEST_FIRST, name="created"),
        IndexModel([("tags", 1), *NEWEST_FIRST], name="tags"),
        IndexModel([("queue", 1), *NEWEST_FIRST], name="queue"),
        # The few that stand still: `projections list`, and what an operator lets go on.
        IndexModel([("parked.projection", 1)], name="parked", partialFilterExpression={"parked": {"$type": "object"}}),
    ],
    "due": [
        # What a worker may claim: an exact match on queue and bucket, then already in claim order (without `_id` at
        # the end the sort would block).
        IndexModel(
            [("queue", 1), ("bucket", 1), ("priority", -1), ("due_at", 1), ("_id", 1)],
            name="ready",
            partialFilterExpression=IS_READY,
        ),
        # The same over all queues. With the queue, since some may be passed over.
        IndexModel(
            [("bucket", 1), ("priority", -1), ("due_at", 1), ("_id", 1), ("queue", 1)],
            name="ready anywhere",
            partialFilterExpression=IS_READY,
        ),
        # What becomes ready next: the projector promotes from its low end.
        IndexModel([("due_at", 1)], name="waiting", partialFilterExpression=IS_WAITING),
        # What becomes ready with its queue, those to be claimed first first; and which queues have such.
        IndexModel([("queue", 1), ("priority", -1), ("due_at", 1)], name="held", partialFilterExpression=IS_HELD),
        # The jobs of a queue that wait, and the first of each queue.
        IndexModel([("queue", 1), ("due_at", 1)], name="oldest"),
    ],
    # A document an incarnation, with the ids of the jobs that it holds.
    "claims": [],
    "failures": [
        # The dead letter queue, `list --state failed` and `cancelled`, newest first; the same of one queue.
        IndexModel([("state", 1), ("at", -1)], name="newest"),
        IndexModel([("queue", 1), ("state", 1), ("at", -1)], name="newest of queue"),
        # Failures that still need their `dead-lettered`.
        IndexModel([("is_unburied", 1)], name="unburied", partialFilterExpression={"is_unburied": True}),
    ],
}
"""What every generation has beside the counters of its projections: each collection with its indexes."""


class Generation:
    """The collections of generation `number`."""

    def __init__(self, database: Database[Any], number: int) -> None:
        self.database = database
        self.number = number

    @property
    def jobs(self) -> Collection[Any]:
        """The `jobs` view of this generation."""
        return self.collection("jobs")

    @property
    def due(self) -> Collection[Any]:
        """What may be claimed, now or once it is due."""
        return self.collection("due")

    @property
    def claims(self) -> Collection[Any]:
        """Which jobs each incarnation holds."""
        return self.collection("claims")

    @property
    def failures(self) -> Collection[Any]:
        """Which jobs are failed or dead."""
        return self.collection("failures")

    def tally(self, name: str) -> Collection[Any]:
        """The counters of the projection called `name` in this generation."""
        return self.collection(name)

    def create(self, projections: Iterable[str]) -> None:
        """Create its collections and indexes, empty."""
        with translated():
            self.drop(projections)
            for name in {*INDEXES, *projections}:
                # A transaction must not be what creates a collection: two at once would conflict.
                self.database.create_collection(self.name_of(name))
                if indexes := INDEXES.get(name):
                    self.collection(name).create_indexes(list(indexes))

    def drop(self, projections: Iterable[str]) -> None:
        """Drop its collections, those that there are."""
        with translated():
            for name in {*INDEXES, *projections}:
                self.collection(name).drop()

    def identities(self, names: Iterable[str]) -> dict[str, bytes] | None:
        """Return the UUIDs of its collections, those that there are, by their names; None where a role may not ask."""
        wanted = {self.name_of(name): name for name in names}
        try:
            with translated():
                found = list(self.database.with_options(CODEC).list_collections(filter={"name": {"$in": list(wanted)}}))
        except AccessDenied:
            return None
        return {wanted[one["name"]]: bytes(one["info"]["uuid"]) for one in found}

    def indexes_missing(self) -> list[str]:
        """Return which of its indexes are not there as they should be, such as `ready of due`."""
        with translated():
            there = {name: self.collection(name).index_information() for name in INDEXES}
        return [
            f"{index.document['name']} of {name}"
            for name, indexes in INDEXES.items()
            for index in indexes
            if not _is_like(there[name].get(index.document["name"]), index)
        ]

    def build_indexes(self) -> None:
        """Build those of its indexes that are not there, for as long as it takes: minutes, in large views."""
        with translated(), pymongo.timeout(None):
            for name, indexes in INDEXES.items():
                there = self.collection(name).index_information()
                for index in indexes:
                    held = there.get(index.document["name"])
                    if held is not None and not _is_like(held, index):  # somebody has put another one there
                        self.collection(name).drop_index(index.document["name"])
                if indexes:
                    self.collection(name).create_indexes(list(indexes))

    def count_parked(self) -> int:
        """Return how many jobs' views stand still."""
        with translated():
            return self.jobs.count_documents(PARKED)

    def find_jobs(self, ids: Iterable[str]) -> Iterator[Mapping[str, Any]]:
        """Yield the documents of these jobs in the view, those that there are, in no order."""
        # Whole batches: to take each from the driver by itself costs as much as decoding it.
        with translated(), self.jobs.find_raw_batches({"_id": {"$in": list(ids)}}) as batches:
            for batch in batches:
                yield from bson.decode_all(batch, CODEC)

    def name_of(self, collection: str) -> str:
        """Return the name in the database of one of its collections: `jobs-3`."""
        return f"{collection}-{self.number}"

    def collection(self, name: str) -> Collection[Any]:
        """Return one of its collections: read from the primary, written durably."""
        return self.database.get_collection(self.name_of(name), CODEC, ReadPreference.PRIMARY, DURABLE, MAJORITY)


def _is_like(held: Mapping[str, Any] | None, index: IndexModel) -> bool:
    if held is None:
        return False
    wanted = index.document
    partial = held.get("partialFilterExpression") == wanted.get("partialFilterExpression")
    return partial and list(held["key"]) == list(wanted["key"].items())


def current(database: Database[Any]) -> Generation | None:
    """Return the generation that the alias names; None before the first one was built."""
    with translated():
        alias = views(database).find_one({"_id": "alias"})
    return None if alias is None else Generation(database, alias["generation"])


def views(database: Database[Any]) -> Collection[Any]:
    """The collection that holds the alias."""
    return database.get_collection("views", CODEC, ReadPreference.PRIMARY, DURABLE, MAJORITY)


def retract(database: Database[Any]) -> None:
    """Take the live generation from its readers: nobody finds anything until another one is switched to."""
    with translated():
        views(database).delete_one({"_id": "alias"})
