"""How far running tasks are, as they say themselves: the last word of each attempt, one document an attempt.

Operational state: it is shown while the attempt runs, and the server prunes it a day after it was said.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import msgspec
from pymongo import UpdateOne, WriteConcern
from pymongo.database import Database

from eventqueue.model.codec import LENIENT
from eventqueue.model.portions import runs
from eventqueue.model.progress import NOTE_MAX, ByClaim, Progress, Said
from eventqueue.mongo.errors import translated

QUICK = WriteConcern(1, j=False)  # what a crash takes is said again
KEPT_S = 86_400
ASKED_MAX = 500  # attempts in one question


class Progresses:
    """The `progress` collection."""

    def __init__(self, database: Database[Any]) -> None:
        self._progress = database.get_collection("progress", LENIENT, write_concern=QUICK)

    def prepare(self) -> None:
        """Have the server prune it."""
        with translated():
            self._progress.create_index([("at", 1)], name="kept", expireAfterSeconds=KEPT_S)

    def put(self, said: Mapping[ByClaim, Said]) -> None:
        """Note what these attempts have said last."""
        writes = [
            UpdateOne(
                {"_id": {"job": job_id, "claim": claim}},
                # As a literal: a note may begin with what a pipeline takes for the name of a field.
                [{"$set": {"done": one.done, "total": one.total, "note": {"$literal": one.note}, "at": "$$NOW"}}],
                upsert=True,
            )
            for (job_id, claim), one in said.items()
        ]
        with translated():
            self._progress.bulk_write(writes, ordered=False)

    def get(self, attempts: Iterable[ByClaim]) -> dict[str, Progress]:
        """Return what those of these attempts have said that have said something, by their jobs."""
        found: dict[str, Progress] = {}
        for some in runs([{"job": job_id, "claim": claim} for job_id, claim in attempts], ASKED_MAX):
            with translated():
                for one in self._progress.find({"_id": {"$in": some}}):
                    with suppress(msgspec.ValidationError):  # put there by a hand: it says nothing
                        found[one["_id"]["job"]] = _read(one)
        return found


def _read(document: Mapping[str, Any]) -> Progress:
    found = msgspec.convert(document, Progress)
    return msgspec.structs.replace(found, note=found.note and found.note[:NOTE_MAX])
