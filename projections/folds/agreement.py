"""Whether what the views show of a job is what its events make of it: one body of rules for all who prove that. Pure.

Its document, the entry by which workers find it, the failure that it is listed by and who is shown as its holder move
in one transaction: they are read at one moment, and held against the fold of the events that the document has seen.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from eventqueue.model.codec import SHOWN_MAX, alike, bucket_of
from eventqueue.model.job import Job
from eventqueue.model.moments import AHEAD
from projections.folds import jobs
from projections.folds.due import HELD, SPREAD, WAITING, id_of, member
from projections.folds.entries import LISTED, failure_entry, holder_of

Document = Mapping[str, Any]

BESIDE = {"parked", "late_version", "entry"}  # what a job's document has that is no part of the fold


class ShownJob(msgspec.Struct, frozen=True):
    """All that the views show of one job at one moment."""

    document: Document | None = None
    entry: Document | None = None  # of `due`: which the document names, and which names the job
    failure: Document | None = None
    holder: str | None = None

    @property
    def version(self) -> int:
        """How many events of the job's stream the view has seen. Raises TypeError where somebody has altered it."""
        found = self.document.get("version", 0) if self.document else 0
        if type(found) is not int:
            raise TypeError(f"its version is {_told(found)}")
        return found

    @property
    def parked(self) -> Mapping[str, Any] | None:
        """Why the view stands still, if it does: see folding.Parked."""
        return self.document.get("parked") if self.document else None

    @property
    def is_held_back(self) -> bool:
        """Whether workers are not to find it, as its queue is paused."""
        return self.entry is not None and self.entry.get("ready") == HELD


class Disagreement(msgspec.Struct, frozen=True):
    """What is not as the log has it, and which projection it is that shows it; as ports.views.Difference."""

    problem: str
    projection: str = jobs.NAME
    expected: str | None = None
    found: str | None = None
    is_lost: bool = False


def standing(shown: ShownJob, covered: int, length: int) -> Iterator[Disagreement]:
    """Yield what is wrong with how far the view has come.

    `covered`: how many events of the job's stream it must have seen at least; `length`: how many the log has.
    """
    if shown.version > length or (shown.document is not None and not length):
        yield Disagreement(
            _beyond(shown.version, length), jobs.NAME, _version(length), _version(shown.version), is_lost=True
        )
    if shown.parked:
        yield Disagreement(f"stands still: {_told(shown.parked['problem'], str)}", shown.parked["projection"])
    elif shown.document is None and covered:
        yield Disagreement("the view does not have it", jobs.NAME, _version(covered), _version(0))
    elif shown.version < covered:
        problem = f"the view is at version {shown.version}, the log at {covered}"
        yield Disagreement(problem, jobs.NAME, _version(covered), _version(shown.version))


def _version(number: int) -> str:
    return f"version {number}" if number else "nothing of it"


def _beyond(version: int, length: int) -> str:
    lost = "events are missing from the log, or somebody has put it there"
    if not length:
        return f"the view has it, the log does not: {lost}"
    return f"the view is at version {version}, the log ends at {length}: {lost}"


def is_plainly(shown: ShownJob, job: Job | None) -> bool:
    """Whether a job that has ended, or runs, is shown as it should be: nearly all are, and to see that costs little.

    False says nothing: then `differences` tells.
    """
    document = shown.document
    if document is None or job is None or job.due_at is not None or job.state in LISTED:
        return False
    if shown.entry is not None or shown.failure is not None or shown.holder != job.worker:
        return False
    if document.get("parked") or document.get("late_version"):
        return False
    wanted = jobs.to_document(job)
    wanted["tags"] = list(job.tags)
    beside = sum(field in document for field in BESIDE)
    return len(document) == len(wanted) + beside and wanted.items() <= document.items()


def differences(shown: ShownJob, job: Job | None, now: datetime) -> Iterator[Disagreement]:
    """Yield in what the views differ from `job`: the fold of the events that the view has seen, None if of none."""
    yield from _of_document(shown.document or {}, job)
    if problem := _of_entry(shown.entry, None if shown.parked else job, now):
        yield Disagreement(problem)
    if problem := _of_failure(shown.failure, failure_entry(job)):
        yield Disagreement(problem)
    if shown.holder != holder_of(job):
        holder, expected = _name(shown.holder), _name(holder_of(job))
        yield Disagreement(f"is shown as held by {holder}, not by {expected}", jobs.NAME, expected, holder)


def needs_a_pause(shown: ShownJob, job: Job | None, now: datetime) -> bool:
    """Whether the job is held back as is right where its queue is paused: that has to be looked up."""
    return shown.is_held_back and _of_entry(shown.entry, None if shown.parked else job, now) is None


def _of_document(document: Document, job: Job | None) -> Iterator[Disagreement]:
    if job is None:
        return
    wanted = jobs.to_document(job)
    wanted["tags"] = list(job.tags)
    # At once where all is well, which is nearly always.
    if not (wanted.items() <= document.items()):
        for field, expected in wanted.items():
            if not alike(document.get(field), expected):
                yield _of_field(field, document.get(field), expected)
    if len(document) > len(wanted):
        for field in document.keys() - wanted.keys() - BESIDE:
            yield Disagreement(f"the view has a field {_told(field, str)}, which is none", jobs.NAME, None, field)


def _of_field(field: str, found: object, expected: object) -> Disagreement:
    if field == "run":  # which may hold secrets in its environment: that it differs is all that is told
        return Disagreement("the view has run, its events another")
    told = _told(expected), _told(found)
    return Disagreement(f"the view has {field} {told[1]}, its events {told[0]}", jobs.NAME, *told)


def _of_failure(entry: Document | None, expected: Document | None) -> str | None:
    if entry == expected:
        return None
    if entry is None:
        return "is not among the failures, where it belongs"
    if expected is None:
        return "is among the failures, where it does not belong"
    fields = [name for name in {**expected, **entry} if entry.get(name) != expected.get(name)]
    return "is among the failures, " + ", ".join(
        f"with {_told(name, str)} {_told(entry.get(name))} instead of {_told(expected.get(name))}" for name in fields
    )


def _of_entry(entry: Document | None, job: Job | None, now: datetime) -> str | None:
    """Return what is wrong with the entry by which workers find a job; `job`: None if it must have none."""
    if job is None or job.due_at is None:
        return None if entry is None else "is shown to workers, though it does not wait to be claimed"
    if entry is None:
        return "is not shown to workers, though it waits to be claimed"
    if not isinstance(entry["ready"], bool) and entry["ready"] != HELD:
        return f"is shown to nobody: its entry is {_told(entry['ready'])}"
    same_place = (entry["queue"], entry["bucket"], entry["priority"]) == (
        job.queue,
        bucket_of(job.stream),
        job.priority,
    )
    # What is due may wait for its promotion, or be held back or let go, in a moment; what is not due must not be ready,
    # though it is so to a projector whose clock is a little ahead.
    is_early = entry["ready"] != WAITING and job.due_at > now + AHEAD
    is_near = entry["due_at"] <= job.due_at <= entry["due_at"] + SPREAD
    if same_place and not is_early and member(job) in entry["jobs"] and is_near:
        return None
    place = ", ".join(f"{name} {_told(entry.get(name))}" for name in ("queue", "priority", "due_at", "ready", "bucket"))
    return f"is shown to workers otherwise than it waits: {place}"


def entry_of(document: Document, entries: Mapping[str, Document]) -> Document | None:
    """Return the entry in which a job's document says that it is, if it is there."""
    name = document.get("entry")
    entry = entries.get(name) if isinstance(name, str) else None
    return entry if entry is not None and document["_id"] in named_in(entry) else None


def strays(entries: Iterable[Document], documents: Mapping[str, Document]) -> Iterator[tuple[str, str]]:
    """Yield each job that an entry names and that does not name the entry, with the entry."""
    for entry in entries:
        for job_id in named_in(entry):
            if documents.get(job_id, {}).get("entry") != entry["_id"]:
                yield job_id, entry["_id"]


def named_in(entry: Document) -> Sequence[str]:
    """As due.ids_in, of an entry that somebody may have altered."""
    return [id_of(one) for one in texts(entry.get("jobs"))]


def _told(value: object, as_text: Callable[[object], str] = repr) -> str:
    match value:
        case None:
            text = "nothing"
        case datetime():
            text = value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case bytes():
            text = value.hex()
        case _:
            text = as_text(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


def _name(holder: str | None) -> str:
    return "nobody" if holder is None else _told(holder, str)


def texts(value: object) -> Sequence[str]:
    """Return the texts in what should be a list of them."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
