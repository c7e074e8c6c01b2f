"""What running attempts have written so far, for who looks at it: one document an attempt, while somebody does.

Operational state. Whoever looks takes a lease on the document, which everybody who looks renews, and tells the
attempt's worker by a signal. The worker writes what there is into it, and learns by the same write whether anybody
looks still; the server prunes it a minute after nobody does.
"""

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any

from bson.binary import Binary
from pymongo import ReturnDocument, UpdateOne, WriteConcern
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError

from eventqueue.model.codec import LENIENT
from eventqueue.model.progress import ByClaim
from eventqueue.model.tails import Tail, Tails
from eventqueue.mongo.errors import translated
from eventqueue.mongo.leases import until

QUICK = WriteConcern(1, j=False)  # what a crash takes is sent again
LEASE_S = 6.0
ANSWER_S = 4.0  # a worker that sends has done so, or said that it still does
KEPT_S = 60
TAIL_BYTES = 64 * 1024
LOOKED_AT = {"$expr": {"$gt": ["$until", "$$NOW"]}}


class Watches:
    """The `watches` collection."""

    def __init__(self, database: Database[Any]) -> None:
        self._watches = database.get_collection("watches", LENIENT, write_concern=QUICK)

    def prepare(self) -> None:
        """Have the server prune it."""
        with translated():
            self._watches.create_index([("until", 1)], name="kept", expireAfterSeconds=KEPT_S)

    def look(self, attempt: ByClaim) -> bool:
        """Take or renew the lease of who looks at an attempt; return whether its worker has sent lately."""
        lately = {"$gt": ["$at", {"$subtract": ["$$NOW", round(1000 * ANSWER_S)]}]}
        with translated():
            try:
                found = self._watches.find_one_and_update(
                    _the(attempt),
                    [{"$set": {"until": {"$max": ["$until", until(timedelta(seconds=LEASE_S))]}}}],
                    {"_id": False, "is_sent": lately},
                    upsert=True,
                    return_document=ReturnDocument.AFTER,
                )
            except DuplicateKeyError:  # somebody else began to look at the same time
                return False
        return bool(found and found.get("is_sent"))

    def send(self, written: Mapping[ByClaim, tuple[Tail, Tail] | None]) -> Collection[ByClaim]:
        """Show what attempts have written so far, None: that there is nothing new; return those that are looked at."""
        if not written:
            return ()
        writes = [
            UpdateOne(_the(attempt) | LOOKED_AT, [{"$set": {**_shown(tails), "at": "$$NOW"}}])
            for attempt, tails in written.items()
        ]
        them = {"_id": {"$in": [_the(attempt)["_id"] for attempt in written]}}
        with translated():
            # Together: a worker may run a thousand jobs that are looked at, and one by one each takes a millisecond.
            self._watches.bulk_write(writes, ordered=False)
            found = [one["_id"] for one in self._watches.find(them | LOOKED_AT, {"_id": True})]
        return {(one["job"], one["claim"]) for one in found}

    def read(self, attempt: ByClaim, after: int = 0) -> Tails | None:
        """Return what an attempt has written, None where there is nothing but what has number `after`."""
        with translated():
            found = self._watches.find_one({**_the(attempt), "number": {"$exists": True, "$ne": after}})
        return None if found is None else _read(found)


def _shown(tails: tuple[Tail, Tail] | None) -> Mapping[str, Any]:
    if tails is None:
        return {}
    # Bytes, however they begin: a text with `$` in front would be the name of a field.
    shown = {
        name: {"kept": Binary(tail.kept), "total": tail.total}
        for name, tail in zip(("stdout", "stderr"), tails, strict=True)
    }
    return {**shown, "number": {"$add": [{"$ifNull": ["$number", 0]}, 1]}}


def _the(attempt: ByClaim) -> dict[str, Any]:
    job_id, claim = attempt
    return {"_id": {"job": job_id, "claim": claim}}


def _read(found: Mapping[str, Any]) -> Tails | None:
    """Return what a document shows; None for one that a hand has put there."""
    number = found["number"]
    if not isinstance(number, int):
        return None
    return Tails(_tail(found.get("stdout")), _tail(found.get("stderr")), number)


def _tail(found: Any) -> Tail:
    kept, total = (found.get("kept"), found.get("total")) if isinstance(found, Mapping) else (None, None)
    if not isinstance(kept, bytes) or not isinstance(total, int):
        return Tail()
    return Tail(kept[-TAIL_BYTES:], max(total, len(kept)))
