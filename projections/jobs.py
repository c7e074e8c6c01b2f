"""The `jobs` view: one document a job, the fold of its stream, plus what claiming needs beside it.

The folded fields are `evolve` itself. `ready` and `parked` are operational: not part of the fold, and never history.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from eventqueue.codec import bucket_of
from eventqueue.job import Job

_KEPT = (datetime, bytes)
_STORED = dict(zip(Job.__struct_fields__, Job.__struct_encode_fields__, strict=True))


def to_document(job: Job, ready: bool) -> dict[str, Any]:
    """Return a job's whole document in the view."""
    document: dict[str, Any] = msgspec.to_builtins(job, builtin_types=_KEPT)
    return {**document, "bucket": bucket_of(job.stream), "ready": ready}


def to_job(document: Mapping[str, Any]) -> Job:
    """Return the job in a document of the view. Raises msgspec.ValidationError for one of another layout."""
    return msgspec.convert(document, Job)


def to_changes(before: Job, after: Job) -> dict[str, Any]:
    """Return the fields of the document that differ between two states, with their new values."""
    return {
        stored: msgspec.to_builtins(value, builtin_types=_KEPT)
        for field, stored in _STORED.items()
        if (value := getattr(after, field)) != getattr(before, field)
    }


def is_ready(job: Job, now: datetime) -> bool:
    """Whether a worker may claim the job at `now`."""
    return job.due_at is not None and job.due_at <= now
