"""The `jobs` view: one document a job, the fold of its stream, plus what claiming needs beside it.

The folded fields are `evolve` itself. `parked` is operational: not part of the fold, and never history.
"""

from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any

import bson
import msgspec

from eventqueue.errors import LogCorrupt
from eventqueue.model.events import Amended, Completed, Enqueued, Event, Failed, RetryAmended
from eventqueue.model.job import Job

NAME, VERSION = "jobs", 5

DOCUMENT_MAX = 15 * 1024 * 1024  # bytes: MongoDB holds 16 MB, and what stands beside the fold has to find room

_KEPT = (datetime, bytes)
_BRINGING = (Enqueued, Completed, Failed)  # all that they bring into a job stands in them
_GATHERING = (Amended, RetryAmended)  # one after the other, without end
# What is a byte here is fourteen in a document at most. Of what an event brings that is no larger than the first, some
# have room beside DOCUMENT_MAX; no job below the second comes near it.
_SMALL, _LIGHT = 8 * 1024, 1024 * 1024
_pack = msgspec.msgpack.Encoder().encode  # a tenth of what it takes to make a document
# What events change; all else stays as the job was enqueued. A test holds these against the state machine.
_MOVING = (
    *("queue", "run", "priority", "max_retries", "timeout", "tags"),
    *("state", "due_at", "attempts", "failures", "claim", "worker", "claimed_at"),
    *("last_error", "result", "updated_at", "version", "hash"),
)
_NESTED = {"run", "last_error", "result"}
_moving = attrgetter(*_MOVING)  # all at once: one by one they cost three times as much


def to_document(job: Job) -> dict[str, Any]:
    """Return a job's whole document in the view."""
    document: dict[str, Any] = msgspec.to_builtins(job, builtin_types=_KEPT)
    if document["restart_of"] is None:  # as of nearly all, and of those that were written before there were restarts
        del document["restart_of"]
    return document


def to_job(document: Mapping[str, Any]) -> Job:
    """Return the job in a document of the view. Raises msgspec.ValidationError for one of another layout."""
    return msgspec.convert(document, Job)


def to_changes(before: Job, after: Job) -> dict[str, Any]:
    """Return the fields of the document that differ between two states of one job, with their new values."""
    pairs = zip(_MOVING, _moving(before), _moving(after), strict=True)
    changes = {field: now for field, was, now in pairs if now is not was and now != was}
    for field in _NESTED & changes.keys():
        changes[field] = msgspec.to_builtins(changes[field], builtin_types=_KEPT)
    return changes


def check_size(job: Job, event: Event) -> None:
    """Refuse a job that `event` has made larger than a document may be. Raises LogCorrupt.

    Nobody is allowed such a job, but a hand may write the events of one, and no command could write its view.
    """
    # By the event where that tells: to weigh the job takes five to ten times as long, a twentieth of all folding.
    if isinstance(event, _BRINGING):
        if len(_pack(event)) <= _SMALL:
            return
    elif not isinstance(event, _GATHERING):
        return
    if len(_pack(job)) <= _LIGHT:
        return
    if (size := len(bson.encode(to_document(job)))) > DOCUMENT_MAX:
        raise LogCorrupt(f"the job would have {size:,} bytes, more than a document of MongoDB can hold")
