"""A folded batch as the commands that write it. Pure.

Commands and not the driver's bulk writes: those cost Python as much again for each statement as the rest of the batch.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import bson
import msgspec
from bson.raw_bson import RawBSONDocument

from eventqueue.model.job import Job
from eventqueue.model.portions import portions
from projections.folds.due import EMPTY, Entry, Member, due_entries, ids_in, leaving, member
from projections.folds.entries import failure_entry, holder_of
from projections.folds.folding import Folded, Seat
from projections.folds.jobs import to_changes, to_document
from projections.folds.projection import Key

CHUNK_COUNT = 1000  # statements a command
_FIELD = {"insert": "documents", "update": "updates"}

Statement = Mapping[str, Any]
Naming = Callable[[str], str]
"""`jobs` -> the name in the database of a generation's collection, `jobs-3`."""


class Write(msgspec.Struct, frozen=True):
    """One command, and how many documents it must find or make (None: as many as there are)."""

    command: dict[str, Any]
    count: int | None


def writes(
    named: Naming, folded: Folded, now: datetime, *, is_heavy: bool, paused: Collection[str] = ()
) -> list[Write]:
    """Return what a batch changes at `now` in views whose collections are `named` so.

    `paused`: the queues of which nothing is shown as ready. `is_heavy`: its events are so large that the size of a
    command has to be watched.
    """
    changed = {job_id: seat for job_id, seat in folded.seats.items() if seat.is_changed}
    sheet = _Sheet(named, is_heavy=is_heavy)
    placed = _write_due(sheet, changed, now, paused)
    _write_jobs(sheet, changed, placed)
    _write_failures(sheet, changed.values())
    _write_claims(sheet, changed.values())
    return [*sheet.writes, *tallies(named, folded.tallies)]


def tallies(named: Naming, counters: Mapping[str, Mapping[Key, Mapping[str, int]]]) -> list[Write]:
    """Return what adds these increments, by projection and key, to a generation's counters."""
    sheet = _Sheet(named, is_heavy=False)
    for name, by_key in counters.items():
        sheet.add("update", name, [_tally(key, increments) for key, increments in by_key.items()])
    return sheet.writes


class _Sheet:
    """Collects commands on one generation's collections."""

    def __init__(self, named: Naming, *, is_heavy: bool) -> None:
        self.writes: list[Write] = []
        self._named = named
        self._is_heavy = is_heavy

    def add(self, verb: str, collection: str, statements: Sequence[Statement]) -> None:
        """Add commands for these inserts or updates, each of which must make or find its document."""
        for chunk in _weighed(statements) if self._is_heavy else _counted(statements):
            command = {verb: self._named(collection), _FIELD[verb]: chunk, "ordered": False}
            self.writes.append(Write(command, len(chunk)))

    def remove(self, collection: str, ids: Sequence[str]) -> None:
        """Add commands that delete these documents: many in one statement, which costs less than one by one."""
        for chunk in _counted(ids):
            self.delete(collection, {"_id": {"$in": chunk}})

    def delete(self, collection: str, query: Statement) -> None:
        """Add a command that deletes whatever is so."""
        command = {"delete": self._named(collection), "deletes": [{"q": query, "limit": 0}]}
        self.writes.append(Write(command, None))


T = TypeVar("T")


def _counted(items: Iterable[T]) -> Iterator[list[T]]:
    left = iter(items)
    while chunk := list(islice(left, CHUNK_COUNT)):
        yield chunk


def _weighed(statements: Iterable[Statement]) -> Iterator[list[RawBSONDocument]]:
    raws = (RawBSONDocument(bson.encode(statement)) for statement in statements)
    for portion in portions(raws, lambda raw: len(raw.raw)):
        yield from _counted(portion)


def _write_jobs(sheet: _Sheet, changed: Mapping[str, Seat], placed: Collection[str]) -> None:
    inserts, updates = [], []
    for job_id, seat in changed.items():
        beside = _beside(seat)
        if job_id in placed:
            beside["entry"] = seat.entry
        if seat.before is not None:
            assert seat.after is not None
            # By `_id` alone, which costs the server half of what a filter with the version does (it then plans a
            # query): token and fence, in the same transaction, already show that nobody else moved this view.
            changes = {**to_changes(seat.before, seat.after), **beside}
            updates.append({"q": {"_id": job_id}, "u": {"$set": changes}})
        elif seat.after is not None and seat.parked_before is None:
            inserts.append({**to_document(seat.after), **beside})
        else:  # its very first event is, or was, poison
            document = {} if seat.after is None else to_document(seat.after)
            document.pop("_id", None)
            updates.append({"q": {"_id": job_id}, "u": {"$set": {**document, **beside}}, "upsert": True})
    sheet.add("insert", "jobs", inserts)
    sheet.add("update", "jobs", updates)


def _beside(seat: Seat) -> dict[str, Any]:
    """Return what is no part of the fold, where it has changed."""
    beside: dict[str, Any] = {}
    if seat.parked != seat.parked_before:
        beside["parked"] = None if seat.parked is None else msgspec.to_builtins(seat.parked)
    if seat.late != seat.late_before:
        beside["late_version"] = seat.late
    return beside


def _write_due(sheet: _Sheet, changed: Mapping[str, Seat], now: datetime, paused: Collection[str]) -> set[str]:
    """Take jobs out of the entries that they leave, and give those that wait for a claim now an entry; return these."""
    left: dict[str, list[Member]] = defaultdict(list)
    placed: list[tuple[Job, int]] = []
    for seat in changed.values():
        before = None if seat.parked_before else seat.before
        after = None if seat.parked else seat.after
        if _place(before) == _place(after):
            continue
        if before is not None and before.due_at is not None:
            assert seat.entry is not None
            left[seat.entry].append(member(before))
        if after is not None and after.due_at is not None:
            placed.append((after, seat.late))
    entries = due_entries(placed, now, paused)
    for entry in entries:
        for job_id in ids_in(entry):
            changed[job_id].entry = entry["_id"]
    sheet.add("insert", "due", entries)
    _leave(sheet, left)
    return {job.id for job, _ in placed}


def _leave(sheet: _Sheet, left: Mapping[str, Sequence[Member]]) -> None:
    sheet.add("update", "due", [{"q": {"_id": entry}, "u": leaving(members)} for entry, members in left.items()])
    for chunk in _counted(left):
        sheet.delete("due", {"_id": {"$in": chunk}, **EMPTY})


def _place(job: Job | None) -> tuple[datetime, str, int] | None:
    """Return by what workers find a job that waits for a claim."""
    return None if job is None or job.due_at is None else (job.due_at, job.queue, job.priority)


def _write_failures(sheet: _Sheet, changed: Iterable[Seat]) -> None:
    inserts: list[Entry] = []
    updates, gone = [], []
    for seat in changed:
        before, after = failure_entry(seat.before), failure_entry(seat.after)
        if before == after:
            continue
        if after is None:
            assert seat.before is not None
            gone.append(seat.before.id)
        elif before is None:
            inserts.append(after)
        else:
            updates.append(_replacement(after))
    sheet.add("insert", "failures", inserts)
    sheet.add("update", "failures", updates)
    sheet.remove("failures", gone)


def _write_claims(sheet: _Sheet, changed: Iterable[Seat]) -> None:
    taken: dict[str, list[str]] = defaultdict(list)
    left: dict[str, list[str]] = defaultdict(list)
    for seat in changed:
        was, is_ = holder_of(seat.before), holder_of(seat.after)
        if was == is_:
            continue
        if was is not None and seat.before is not None:
            left[was].append(seat.before.id)
        if is_ is not None and seat.after is not None:
            taken[is_].append(seat.after.id)
    sheet.add("update", "claims", [_held(one, taken[one], left[one]) for one in sorted({*taken, *left})])
    if left:
        sheet.delete("claims", {"jobs": []})


def _held(worker: str, taken: Sequence[str], left: Sequence[str]) -> Statement:
    kept = {"$setDifference": [{"$ifNull": ["$jobs", []]}, {"$literal": left}]}
    held = {"$setUnion": [kept, {"$literal": taken}]}
    return {"q": {"_id": worker}, "u": [{"$set": {"jobs": held}}], "upsert": True}


def counter_id(key: Key) -> dict[str, Any]:
    """Return the `_id` that a counter has: partition 0, since with several each adds to its own, and readers sum."""
    return {"key": list(key), "partition": 0}


def _tally(key: Key, increments: Mapping[str, int]) -> Statement:
    steps = {f"n.{counter}": amount for counter, amount in increments.items()}
    return {"q": {"_id": counter_id(key)}, "u": {"$inc": steps}, "upsert": True}


def _replacement(entry: Entry) -> Statement:
    return {"q": {"_id": entry["_id"]}, "u": entry}
