"""A generation: the views of one set of projections, built together, switched together, dropped together.

The alias names the generation that readers use. It is looked up whenever a cursor is opened, so nobody goes on
reading an old one for long.
"""

from collections.abc import Iterable
from typing import Any

from pymongo import IndexModel
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference

from eventqueue.codec import CODEC
from eventqueue.mongo_errors import translated
from eventqueue.mongo_log import DURABLE, MAJORITY

WAITING = {"ready": False, "due_at": {"$type": "date"}}

JOB_INDEXES = [
    # What a worker may claim: an exact match on queue and bucket, then already in claim order (without `_id` at
    # the end the sort would block).
    IndexModel(
        [("queue", 1), ("bucket", 1), ("priority", -1), ("due_at", 1), ("_id", 1)],
        name="ready",
        partialFilterExpression={"ready": True},
    ),
    # What becomes ready next: the projector promotes from its low end.
    IndexModel([("due_at", 1)], name="waiting", partialFilterExpression=WAITING),
    # Whose claims these are: rescue and reconcile.
    IndexModel([("worker", 1)], name="processing", partialFilterExpression={"state": "processing"}),
    # The dead letter queue, newest first, and failures that still need their `dead-lettered`.
    IndexModel([("updated_at", -1)], name="failed", partialFilterExpression={"state": "failed"}),
    IndexModel([("updated_at", -1)], name="dead", partialFilterExpression={"state": "dead"}),
    # `list`, newest first, and `list --tag`; no transition moves these.
    IndexModel([("created_at", -1), ("_id", -1)], name="created"),
    IndexModel([("tags", 1), ("created_at", -1)], name="tags"),
]


class Generation:
    """The collections of generation `number`."""

    def __init__(self, database: Database[Any], number: int) -> None:
        self.database = database
        self.number = number

    @property
    def jobs(self) -> Collection[Any]:
        """The `jobs` view of this generation."""
        return self._collection("jobs")

    def tally(self, name: str) -> Collection[Any]:
        """The counters of the projection called `name` in this generation."""
        return self._collection(name)

    def create(self, projections: Iterable[str]) -> None:
        """Create its collections and indexes, empty."""
        with translated():
            self.drop(projections)
            self.jobs.create_indexes(JOB_INDEXES)
            for name in projections:
                # A transaction must not be what creates a collection: two at once would conflict.
                self.database.create_collection(self.tally(name).name)

    def drop(self, projections: Iterable[str]) -> None:
        """Drop its collections, those that there are."""
        with translated():
            for name in ("jobs", *projections):
                self._collection(name).drop()

    def _collection(self, name: str) -> Collection[Any]:
        return self.database.get_collection(f"{name}-{self.number}", CODEC, ReadPreference.PRIMARY, DURABLE, MAJORITY)


def current(database: Database[Any]) -> Generation | None:
    """Return the generation that the alias names; None before the first one was built."""
    with translated():
        alias = views(database).find_one({"_id": "alias"})
    return None if alias is None else Generation(database, alias["generation"])


def views(database: Database[Any]) -> Collection[Any]:
    """The collection that holds the alias."""
    return database.get_collection("views", CODEC, ReadPreference.PRIMARY, DURABLE, MAJORITY)
