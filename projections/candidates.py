"""The `jobs` view as workers read it: candidates for a claim, and who holds what.

The alias is looked up whenever a cursor is opened, so a worker follows a switch within a second even if the signal
of it was lost.
"""

from collections.abc import Collection, Generator, Mapping, Sequence
from typing import Any

from pymongo.database import Database
from pymongo.errors import OperationFailure

from eventqueue.codec import BUCKETS
from eventqueue.errors import Unavailable
from eventqueue.finder import Candidates
from eventqueue.job import Job
from eventqueue.mongo_errors import translated
from projections import generation
from projections.generation import Generation
from projections.jobs import to_job

CLAIM_ORDER = [("priority", -1), ("due_at", 1), ("_id", 1)]
BATCH_MAX = 1000
_GONE = {43, 175, 237}  # CursorNotFound, QueryPlanKilled (its collection was dropped), CursorKilled


class ViewFinder:
    """See eventqueue.finder.JobFinder."""

    def __init__(self, database: Database[Any]) -> None:
        self._database = database

    def candidates(self, queues: Sequence[str], buckets: Collection[int], batch: int) -> Candidates:
        """See JobFinder.candidates."""
        return _Cursor(self._generation(), queues, list(buckets), batch)

    def heads(self, queue: str, limit: int) -> list[Job]:
        """See JobFinder.heads."""
        # All buckets are named, so that the index serves the order too: it merges 64 sorted ranges.
        query = {"queue": queue, "ready": True, "bucket": {"$in": list(range(BUCKETS))}}
        with translated():
            return [to_job(found) for found in self._generation().jobs.find(query, sort=CLAIM_ORDER, limit=limit)]

    def queues(self) -> list[str]:
        """See JobFinder.queues."""
        with translated():
            keys = self._generation().tally("stats").find({"_id": {"$gte": {"key": ["state"]}}}, {"_id": 1})
            return sorted({key["_id"]["key"][1] for key in keys if key["_id"]["key"][0] == "state"})

    def held_by(self, worker: str) -> list[Job]:
        """See JobFinder.held_by."""
        return self._find({"state": "processing", "worker": worker})

    def holders(self) -> set[str]:
        """See JobFinder.holders."""
        with translated():
            return set(
                self._generation().jobs.distinct("worker", {"state": "processing", "worker": {"$type": "string"}})
            )

    def get(self, ids: Collection[str]) -> dict[str, Job]:
        """See JobFinder.get."""
        return {job.id: job for job in self._find({"_id": {"$in": list(ids)}})}

    def unburied_failures(self) -> list[Job]:
        """See JobFinder.unburied_failures."""
        return self._find({"state": "failed", "due_at": None})

    def _find(self, query: Mapping[str, Any]) -> list[Job]:
        with translated():
            return [to_job(found) for found in self._generation().jobs.find(query) if found.get("version")]

    def _generation(self) -> Generation:
        live = generation.current(self._database)
        if live is None:
            raise Unavailable("The views are not built yet: start a projector.")
        return live


class _Cursor:
    """An open cursor over several queues, strictly one after the other."""

    def __init__(self, live: Generation, queues: Sequence[str], buckets: list[int], batch: int) -> None:
        self._jobs = live.jobs
        self._buckets = buckets
        self._batch = batch
        self._found = self._read(queues)

    def take(self, limit: int) -> list[Job]:
        """See Candidates.take."""
        taken: list[Job] = []
        with translated():
            try:
                while len(taken) < limit and (job := next(self._found, None)) is not None:
                    taken.append(job)
            except OperationFailure as error:
                if error.code not in _GONE:
                    raise
        return taken

    def close(self) -> None:
        """See Candidates.close."""
        self._found.close()

    def _read(self, queues: Sequence[str]) -> Generator[Job, None, None]:
        for queue in queues:
            query = {"queue": queue, "ready": True, "bucket": {"$in": self._buckets}}
            with self._jobs.find(query, sort=CLAIM_ORDER, batch_size=min(self._batch, BATCH_MAX)) as cursor:
                for document in cursor:
                    yield to_job(document)
