"""What the views show of some jobs, all of it at one moment."""

from collections.abc import Mapping
from typing import Any

import msgspec
from pymongo.client_session import ClientSession

from eventqueue.model.codec import CODEC
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
        claims = find(generation, "claims", {"jobs": {"$elemMatch": which}}, session)
        named = [one["entry"] for one in jobs.values() if "entry" in one]
        entries = find(generation, "due", {"_id": {"$in": named}}, session)
    holders = {job_id: worker for worker, one in claims.items() for job_id in texts(one.get("jobs"))}
    there = {job_id: worker for job_id, worker in holders.items() if _is_in(job_id, which)}
    due = {one["_id"]: entry for one in jobs.values() if (entry := entry_of(one, entries)) is not None}
    return Shown(jobs, due, failures, there)


def find(generation: Generation, name: str, query: Mapping[str, Any], session: ClientSession) -> dict[str, Document]:
    """Return the documents of one of a generation's collections that fit, by `_id`."""
    found = generation.database[generation.name_of(name)].with_options(CODEC).find(query, session=session)
    return {document["_id"]: document for document in found}


def _is_in(job_id: str, which: Which) -> bool:
    if "$in" in which:
        return job_id in which["$in"]
    # As BSON orders texts: by their bytes.
    raw = job_id.encode()
    return which["$gt"].encode() < raw and ("$lte" not in which or raw <= which["$lte"].encode())
