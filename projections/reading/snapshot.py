"""What the views show of some jobs, all of it at one moment."""

from collections.abc import Iterable, Mapping
from typing import Any

import bson
import msgspec
from bson.errors import InvalidBSON
from pymongo.client_session import ClientSession

from eventqueue.model.codec import CODEC, LENIENT, split
from eventqueue.mongo.errors import translated
from projections.folds.agreement import Document, ShownJob, entry_of, texts
from projections.keeping.generation import Generation

ENTRIES = 100  # of `due` that are looked at together, with the jobs in them

Which = Mapping[str, Any]
"""A query over ids: `{"$in": ids}`, or all above one, and up to another: `{"$gt": low, "$lte": high}`."""


class Shown(msgspec.Struct, frozen=True):
    """What the views show of some jobs."""

    jobs: Mapping[str, Document]
    due: Mapping[str, Document]  # the entry that a job names and that names it
    failures: Mapping[str, Document]
    holders: Mapping[str, str]

    @property
    def ids(self) -> set[str]:
        """The jobs of which anything is shown."""
        return {*self.jobs, *self.failures, *self.holders}

    def of(self, job_id: str) -> ShownJob:
        """Return what is shown of one job."""
        return ShownJob(
            self.jobs.get(job_id), self.due.get(job_id), self.failures.get(job_id), self.holders.get(job_id)
        )


def show(generation: Generation, which: Which) -> Shown:
    """Return what a generation shows of some jobs. Raises Unavailable."""
    with translated(), generation.database.client.start_session(snapshot=True) as session:
        jobs = find(generation, "jobs", {"_id": which}, session)
        failures = find(generation, "failures", {"_id": which}, session)
        claims = _claims(generation, which, session)
        named = [entry for one in jobs.values() if isinstance(entry := one.get("entry"), str)]
        entries = find(generation, "due", {"_id": {"$in": named}}, session)
    holders: dict[str, str] = {}
    for worker, one in claims.items():
        for job_id in texts(one.get("jobs")):
            if _is_in(job_id, which):
                holders[job_id] = f"{holders[job_id]} and {worker}" if job_id in holders else worker
    due = {one["_id"]: entry for one in jobs.values() if (entry := entry_of(one, entries)) is not None}
    return Shown(jobs, due, failures, holders)


def _claims(generation: Generation, which: Which, session: ClientSession) -> dict[str, Document]:
    """Return who holds any of these jobs, each with those of them: not with all that he holds."""
    query = {"jobs": {"$elemMatch": which}}
    if "$in" not in which:
        return find(generation, "claims", query, session)
    those = {"$project": {"jobs": {"$setIntersection": ["$jobs", {"$literal": list(which["$in"])}]}}}
    claims = generation.database[generation.name_of("claims")]
    found = claims.aggregate_raw_batches([{"$match": query}, those], session=session)
    return {str(document["_id"]): document for batch in found for document in _decoded(batch)}


def find(generation: Generation, name: str, query: Mapping[str, Any], session: ClientSession) -> dict[str, Document]:
    """Return the documents of one of a generation's collections that fit, by `_id`, whatever somebody put into them."""
    found = generation.database[generation.name_of(name)].find_raw_batches(query, session=session)
    return {str(document["_id"]): document for batch in found for document in _decoded(batch)}


def _decoded(batch: bytes) -> Iterable[Document]:
    try:
        return bson.decode_all(batch, CODEC)
    except InvalidBSON:  # one of them, such as a date that is none
        return [bson.decode(raw, LENIENT) for raw in split(batch)]


def _is_in(job_id: str, which: Which) -> bool:
    if "$in" in which:
        return job_id in which["$in"]
    # As BSON orders texts: by their bytes.
    raw = job_id.encode()
    return which["$gt"].encode() < raw and ("$lte" not in which or raw <= which["$lte"].encode())
