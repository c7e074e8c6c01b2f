"""What attempts wrote to stdout and stderr: the last 64 KiB of each, one document an attempt.

Operational state: the server prunes them by their age (`layout.keep_outputs`). The event keeps the tails' SHA-256, so
what is kept stays provable.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from pymongo import UpdateOne
from pymongo.database import Database

from eventqueue.mongo_errors import translated
from eventqueue.mongo_log import DURABLE


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
