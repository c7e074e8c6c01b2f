"""Worker incarnations: one document a worker process, with its lease on the database's clock.

Operational state. An incarnation is registered before its first claim, renewed while it lives, and *buried* once by
whoever finds its lease at an end or sees it dead. A renewal passes only while it is not buried, so a zombie learns
that its claims are over. Whoever wants a worker to stop writes that into its document: it learns it at its next
heartbeat, if nobody tells it sooner.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from pymongo import MongoClient
from pymongo.database import Database

from eventqueue.model.codec import CODEC
from eventqueue.mongo.errors import translated
from eventqueue.mongo.leases import FREE, is_over, until
from eventqueue.mongo.log import DURABLE, MAJORITY
from eventqueue.system.people import signed


class Incarnation(msgspec.Struct, frozen=True, kw_only=True, rename={"id": "_id"}):
    """One start of one worker process, as it registers."""

    id: str
    name: str
    host: str
    pid: int
    place: str  # the machine's boot and pid namespace: whoever shares it can see whether the pid lives
    pid_started: int  # in clock ticks since that boot: tells a pid from its next owner
    queues: tuple[str, ...]  # empty: all
    concurrency: int
    grace: float = 30.0  # seconds that its jobs may take to finish when it is asked to stop, unless others are named
    user: str | None = None  # as whom the database knows it
    by: str | None = None  # as whom it was started
    tasks: tuple[str, ...] = ()  # the Python tasks that it knows, by all their names; it claims no other

    @property
    def actor(self) -> str:
        """As who it signs what it appends."""
        return signed(f"worker/{self.id}", self.user)


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    """An incarnation as it is registered: with its lease, and what is asked of it."""

    worker: Incarnation
    started_at: datetime
    renewed_at: datetime
    is_live: bool  # neither buried nor past its end, on the database's clock
    buried_by: str | None = None
    is_told: bool = False  # the log has that it is gone
    stop_asked_at: datetime | None = None  # when it was first asked to stop
    stop_by: datetime | None = None  # what it runs then is handed back


_NOT_OURS = ("admin", "config", "local")


class Incarnations:
    """The `workers` collection; `length` is how long a lease runs from each renewal."""

    def __init__(self, database: Database[Any], length: timedelta) -> None:
        self._workers = database.get_collection("workers", CODEC, write_concern=DURABLE, read_concern=MAJORITY)
        self._length = length

    def register(self, worker: Incarnation) -> None:
        """Make the incarnation known; only then may it claim."""
        fields = {name: {"$literal": value} for name, value in msgspec.to_builtins(worker).items() if name != "_id"}
        with translated():
            self._workers.update_one(
                {"_id": worker.id}, [{"$set": {**fields, "started_at": "$$NOW", **self._renewed()}}], upsert=True
            )

    def renew(self, worker: str) -> bool:
        """Renew a lease; False if the incarnation has been buried, and with it every claim that it held."""
        with translated():
            changed = self._workers.update_one({"_id": worker, "buried_at": None}, [{"$set": self._renewed()}])
        return changed.matched_count == 1

    def bury(self, worker: str, by: str, *, seen_dead: bool = False) -> bool:
        """Bury an incarnation whose lease has ended, or, at once, one that was seen dead; True if it is buried now.

        An incarnation that nobody knows is buried too, so that it can never renew.
        """
        lease_over = {} if seen_dead else {"$expr": is_over("expires_at")}
        with translated():
            # Apart, since an upsert cannot ask for `$$NOW`.
            self._workers.update_one({"_id": worker}, {"$setOnInsert": {"expires_at": FREE}}, upsert=True)
            self._workers.update_one(
                {"_id": worker, "buried_at": None, **lease_over},
                [{"$set": {"buried_at": "$$NOW", "buried_by": {"$literal": by}}}],
            )
            found = self._workers.find_one({"_id": worker}, {"buried_at": 1})
        return bool(found and found.get("buried_at"))

    def ask_to_stop(self, workers: Collection[str], grace: timedelta | None) -> None:
        """Ask incarnations to stop; what they run may finish within `grace` (None: within the grace of each).

        Never later than asked before: a second request gives no new grace.
        """
        grace_ms: Any = {"$multiply": ["$grace", 1000]} if grace is None else grace // timedelta(milliseconds=1)
        stop = {
            "stop_asked_at": {"$ifNull": ["$stop_asked_at", "$$NOW"]},
            "stop_by": {"$min": ["$stop_by", {"$add": ["$$NOW", grace_ms]}]},
        }
        with translated():
            self._workers.update_many({"_id": {"$in": list(workers)}, "buried_at": None}, [{"$set": stop}])

    def retire(self, worker: str) -> None:
        """Forget an incarnation that left in order, holding nothing."""
        with translated():
            self._workers.delete_one({"_id": worker})

    def forget(self, before: datetime) -> None:
        """Drop incarnations that were buried before a time, or whose leases ended before it.

        If one of them comes back, it learns as if it were buried still: there is nothing to renew.
        """
        with translated():
            self._workers.delete_many(
                {"$or": [{"buried_at": {"$lt": before}}, {"buried_at": None, "expires_at": {"$lt": before}}]}
            )

    def note_told(self, worker: str) -> None:
        """Note that the log has what became of an incarnation."""
        with translated():
            self._workers.update_one({"_id": worker}, {"$set": {"is_told": True}})

    def gone(self) -> Sequence[Registration]:
        """Return the incarnations that are not live and of which the log does not have that yet."""
        return [one for one in self._read({"is_told": None}) if not one.is_live]

    def get(self, ids: Collection[str]) -> dict[str, Registration]:
        """Return these incarnations, those that are known, by id."""
        return {one.worker.id: one for one in self._read({"_id": {"$in": list(ids)}})}

    def live(self, *, with_tasks: bool = False) -> Sequence[Registration]:
        """Return the live incarnations, oldest first; of those that know many tasks these are most of what is read."""
        return [one for one in self._read({"buried_at": None}, with_tasks=with_tasks) if one.is_live]

    def _renewed(self) -> dict[str, Any]:
        return {"renewed_at": "$$NOW", "expires_at": until(self._length)}

    def _read(self, query: dict[str, Any], *, with_tasks: bool = False) -> list[Registration]:
        ended = {"$or": [is_over("expires_at"), {"$gt": ["$buried_at", None]}]}
        pipeline: list[Mapping[str, Any]] = [
            {"$match": {**query, "name": {"$type": "string"}}},
            {"$set": {"is_live": {"$not": [ended]}}},
            {"$sort": {"started_at": 1, "_id": 1}},
            *([] if with_tasks else [{"$unset": "tasks"}]),
        ]
        with translated():
            return [
                msgspec.convert({**found, "worker": found}, Registration) for found in self._workers.aggregate(pipeline)
            ]


def live_anywhere(client: MongoClient[Any]) -> int:
    """Return how many incarnations live in all of a server's databases. Raises Unavailable."""
    found = 0
    with translated():
        for name in client.list_database_names():
            database = client[name]
            ours = {"name": {"$in": ["layout", "workers"]}}
            if name not in _NOT_OURS and len(database.list_collection_names(filter=ours)) == 2:
                found += len(Incarnations(database, timedelta(0)).live())
    return found
