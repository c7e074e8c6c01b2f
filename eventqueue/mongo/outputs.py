"""What attempts wrote to stdout and stderr: the last 64 KiB of each, one document an attempt.

Operational state: the server prunes them by their age. The event keeps the tails' SHA-256, so what is kept stays
provable.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import pymongo
from pymongo import UpdateOne
from pymongo.database import Database
from pymongo.errors import OperationFailure

from eventqueue.mongo.errors import translated
from eventqueue.mongo.log import DURABLE

_RETENTION = "retention"  # the index by which the server prunes
INDEX_NOT_FOUND = 27  # the server's code


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The tails of one attempt, named by its job and its claim (an attempt's number can repeat)."""

    job_id: str
    claim: int
    attempt: int
    stdout: bytes
    stderr: bytes


class Outputs:
    """The `outputs` collection."""

    def __init__(self, database: Database[Any]) -> None:
        self._outputs = database.get_collection("outputs", write_concern=DURABLE)

    def put(self, kept: Sequence[Kept]) -> None:
        """Store tails, before the claims they belong to are settled; storing one again changes nothing but its age."""
        writes = [
            UpdateOne(
                {"_id": {"job": one.job_id, "claim": one.claim}},
                [{"$set": {"attempt": one.attempt, "stdout": one.stdout, "stderr": one.stderr, "at": "$$NOW"}}],
                upsert=True,
            )
            for one in kept
        ]
        if writes:
            with translated():
                self._outputs.bulk_write(writes, ordered=False)

    def get(self, job_id: str, claim: int) -> Kept | None:
        """Return what is kept of the attempt of that claim, None if nothing is."""
        with translated():
            found = self._outputs.find_one({"_id": {"job": job_id, "claim": claim}})
        if found is None:
            return None
        return Kept(
            job_id=job_id, claim=claim, attempt=found["attempt"], stdout=found["stdout"], stderr=found["stderr"]
        )

    def kept_for(self) -> float:
        """Return for how many seconds the server keeps them; 0: for ever."""
        with translated():
            held = self._outputs.index_information().get(_RETENTION)
        return 0 if held is None else float(held["expireAfterSeconds"])

    def keep_for(self, seconds: float) -> None:
        """Have the server drop them once they are so old, up to a second later; 0: never. Raises AccessDenied."""
        asked, held = math.ceil(seconds), self.kept_for()
        with translated():
            if asked == held:
                return
            if not asked:
                self._drop_index()
            elif held:
                change = {"name": _RETENTION, "expireAfterSeconds": asked}
                database = self._outputs.database
                database.command("collMod", self._outputs.name, index=change, writeConcern=DURABLE.document)
            else:
                with pymongo.timeout(None):  # minutes, where they are many
                    # An older version gave them no time, and the server would pass them over for ever.
                    self._outputs.update_many({"at": {"$exists": False}}, [{"$set": {"at": "$$NOW"}}])
                    self._outputs.create_index([("at", 1)], name=_RETENTION, expireAfterSeconds=asked)

    def _drop_index(self) -> None:
        try:
            self._outputs.drop_index(_RETENTION)
        except OperationFailure as error:
            if error.code != INDEX_NOT_FOUND:  # another process was first
                raise
