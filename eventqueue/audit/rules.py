"""Proving a job's history from the stored bytes alone: dense versions, chained hashes, legal transitions. Pure.

Whether the `jobs` view equals the fold is asked beside it; a finding is a sentence for a person.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec

from eventqueue.errors import LogCorrupt
from eventqueue.model.codec import bucket_of, content_hash, decode
from eventqueue.model.events import Recorded, type_of
from eventqueue.model.job import LEGAL, Job, State, evolve

_ENVELOPE: Mapping[str, tuple[type, ...]] = {
    "id": (bytes,),
    "at": (datetime,),
    "actor": (str,),
    "bucket": (int,),
    "cause": (bytes, type(None)),
    "prev": (bytes, type(None)),
    "hash": (bytes,),
}
"""What the fields of an envelope are, besides those without which an event cannot be decoded."""


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it must be; `version` is the event it was found at, 0 for the view."""

    stream: str
    version: int
    problem: str


def audit(stream: str, history: Sequence[bytes]) -> tuple[Job | None, list[Finding]]:
    """Return the fold of a job's stream as stored, and everything that is wrong with it."""
    job: Job | None = None
    previous: Recorded | None = None
    findings: list[Finding] = []
    for place, raw in enumerate(history, start=1):
        try:
            recorded = decode(raw)
        except LogCorrupt as error:
            return job, [*findings, Finding(stream, place, str(error))]
        if misfits := [Finding(stream, place, problem) for problem in _misfits(recorded)]:
            return job, [*findings, *misfits]
        problems = [*_envelope(recorded, raw, previous, place), *_transition(job, recorded)]
        findings += [Finding(stream, recorded.version, problem) for problem in problems]
        if type(recorded.event) not in LEGAL:  # nothing of a job's: the history ends here
            return job, findings
        try:
            job = evolve(job, recorded)
        except LogCorrupt as error:
            return job, [*findings, Finding(stream, recorded.version, str(error))]
        previous = recorded
    return job, findings


def _misfits(recorded: Recorded) -> Iterator[str]:
    # A validator keeps such events out, but whoever administers the database can do without it.
    for field, kinds in _ENVELOPE.items():
        if not isinstance(value := getattr(recorded, field), kinds):
            yield f"its `{field}` is of type {type(value).__name__}"


def _envelope(recorded: Recorded, raw: bytes, previous: Recorded | None, place: int) -> Iterator[str]:
    expected = 1 if previous is None else previous.version + 1
    if recorded.version != expected:
        yield f"version {recorded.version} stands where version {expected} belongs (event {place} of the stream)"
    if content_hash(raw) != recorded.hash:
        yield "its hash is not that of its bytes: the event was altered"
    if recorded.prev != (None if previous is None else previous.hash):
        yield "it does not continue the event before it: `prev` is another hash"
    if recorded.bucket != bucket_of(recorded.stream):
        yield f"its bucket is {recorded.bucket}, not {bucket_of(recorded.stream)}"
    if previous is not None and recorded.at < previous.at:
        yield "its time is before that of the event before it"


def _transition(job: Job | None, recorded: Recorded) -> Iterator[str]:
    state: State | None = None if job is None else job.state
    legal = LEGAL.get(type(recorded.event))
    if legal is None or state not in legal[0]:
        yield f"`{type_of(recorded.event)}` is not legal for a job that is {state or 'not there'}"
