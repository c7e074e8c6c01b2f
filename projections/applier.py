"""Applies folded batches: views, counters and checkpoint in one transaction, so each event counts exactly once.

Any abort leaves the views where the checkpoint says; whoever goes on starts from there.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import pymongo
from pymongo import InsertOne, UpdateOne
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from eventqueue.errors import Fenced
from eventqueue.events import Recorded
from eventqueue.finder import Ready, Signal
from eventqueue.ground import Ground
from eventqueue.job import Job, State
from eventqueue.mongo_errors import translated
from eventqueue.mongo_log import DURABLE
from projections import checkpoint
from projections.checkpoint import Checkpoint, Last, Token
from projections.folding import Folded, Folding, Seat, jobs_in
from projections.generation import WAITING, Generation
from projections.jobs import is_ready, to_changes, to_document, to_job
from projections.projection import Projection
from projections.tail import Poison

CANCELLED_MAX = 1000  # ids in one signal
PROMOTED_MAX = 1000  # jobs in one transaction
TRANSACTION_S = 30.0
INTERRUPTED = 11601

_Write = InsertOne[dict[str, Any]] | UpdateOne


class Applier:
    """Moves one generation's views forward from the checkpoint that the caller holds, in `session`."""

    def __init__(
        self, ground: Ground, held: Checkpoint, projections: Sequence[Projection], session: ClientSession
    ) -> None:
        self.held = held
        self._database = ground.database
        self._session = session
        self._generation = Generation(ground.database, held.generation)
        self._folding = Folding(projections, ground.log.read)

    def apply(self, events: Sequence[Recorded | Poison], token: Token, now: datetime) -> Signal:
        """Apply a batch and move the checkpoint to `token`; return what to tell those who wait.

        Raises Fenced where another process has moved the checkpoint; nothing is applied then.
        """
        folded = self._folding.fold(events, self._seats(jobs_in(events)))
        changed = {job_id: seat for job_id, seat in folded.seats.items() if seat.is_changed}

        def write(session: ClientSession) -> Checkpoint:
            moved = checkpoint.advance(
                self._database, self.held, token, applied=folded.applied, last=folded.last, now=now, session=session
            )
            self._write_jobs(changed, now, session)
            self._write_tallies(folded, session)
            return moved

        self.held = self._in_transaction(write)
        return self._signal(changed.values(), now)

    def promote(self, now: datetime) -> Signal | None:
        """Mark jobs whose `due_at` has come as ready, a thousand at most; None where there are none."""
        # Type and bound together: by the bound alone the index over waiting jobs would not serve.
        due = {"ready": False, "due_at": {"$type": "date", "$lte": now}, "parked": None}
        with translated():
            found = list(self._generation.jobs.find(due).sort("due_at", 1).limit(PROMOTED_MAX))
        if not found:
            return None

        def write(session: ClientSession) -> Checkpoint:
            # `moved_at` always changes, so the fence holds here as in a batch.
            moved = checkpoint.advance(
                self._database, self.held, self.held.token, applied=0, last=None, now=now, session=session
            )
            self._database[self._generation.jobs.name].update_many(
                {"_id": {"$in": [one["_id"] for one in found]}, **due}, {"$set": {"ready": True}}, session=session
            )
            return moved

        self.held = self._in_transaction(write)
        return Signal(self.held.generation, ready=_ready(map(to_job, found), now))

    def next_due(self) -> datetime | None:
        """Return when the next waiting job will be due."""
        with translated():
            found = self._generation.jobs.find_one({**WAITING, "parked": None}, {"due_at": 1}, sort=[("due_at", 1)])
        return None if found is None else found["due_at"]

    def save(self, token: Token, now: datetime, last: Last | None = None) -> None:
        """Move the checkpoint over a quiet stretch of the log; `last`: the event to find the log by again."""
        with translated():
            self.held = checkpoint.advance(self._database, self.held, token, applied=0, last=last, now=now)

    def _seats(self, ids: Collection[str]) -> dict[str, Seat]:
        seats = {job_id: Seat() for job_id in ids}
        with translated():
            for document in self._generation.jobs.find({"_id": {"$in": list(ids)}}):
                job = to_job(document) if document.get("version") else None
                late, parked = document.get("late_version", 0), document.get("parked")
                seats[document["_id"]] = Seat(job, job, late, late, parked, parked, document["ready"])
        return seats

    def _in_transaction(self, write: Callable[[ClientSession], Checkpoint]) -> Checkpoint:
        with translated(), pymongo.timeout(TRANSACTION_S):
            try:
                return self._session.with_transaction(write, ReadConcern("snapshot"), DURABLE, ReadPreference.PRIMARY)
            except OperationFailure as error:
                if error.code != INTERRUPTED:
                    raise
                raise Fenced("Another process ended this one's transaction, to take the projector's place.") from error

    def _write_jobs(self, changed: dict[str, Seat], now: datetime, session: ClientSession) -> None:
        writes = [_job_write(job_id, seat, now) for job_id, seat in changed.items()]
        if not writes:
            return
        done = self._database[self._generation.jobs.name].bulk_write(writes, ordered=False, session=session)
        if done.inserted_count + done.matched_count + done.upserted_count != len(writes):
            raise Fenced("The jobs view is not where this process left it.")

    def _write_tallies(self, folded: Folded, session: ClientSession) -> None:
        for name, counters in folded.tallies.items():
            writes = [_tally_write(key, increments) for key, increments in counters.items()]
            if writes:
                self._database[self._generation.tally(name).name].bulk_write(writes, ordered=False, session=session)

    def _signal(self, changed: Collection[Seat], now: datetime) -> Signal:
        after = [seat.after for seat in changed if seat.after is not None and seat.parked is None]
        cancelled = [job.id for job in after if job.state is State.CANCELLED]
        return Signal(self.held.generation, ready=_ready(after, now), cancelled=tuple(cancelled[:CANCELLED_MAX]))


def _job_write(job_id: str, seat: Seat, now: datetime) -> _Write:
    ready = seat.after is not None and seat.parked is None and is_ready(seat.after, now)
    # What does not change is not set: setting it would have the server compute the keys of every index again.
    beside: dict[str, Any] = {} if ready == seat.ready_before else {"ready": ready}
    if seat.parked != seat.parked_before:
        beside["parked"] = seat.parked
    if seat.late != seat.late_before:
        beside["late_version"] = seat.late
    if seat.before is not None:
        assert seat.after is not None
        changes = to_changes(seat.before, seat.after)
        # By `_id` alone, which costs the server half of what a filter with the version does (it then plans a query):
        # token and fence, in the same transaction, already show that nobody else moved this view.
        return UpdateOne({"_id": job_id}, {"$set": {**changes, **beside}})
    if seat.after is not None and seat.parked_before is None:
        return InsertOne({**to_document(seat.after, ready), **beside})
    # Its very first event is poison: nothing to show but that.
    return UpdateOne({"_id": job_id}, {"$set": beside}, upsert=True)


def _tally_write(key: tuple[str | int, ...], increments: dict[str, int]) -> UpdateOne:
    # Partition 0: with several projectors each adds to its own counters, and readers sum.
    steps = {f"n.{counter}": amount for counter, amount in increments.items()}
    return UpdateOne({"_id": {"key": list(key), "partition": 0}}, {"$inc": steps}, upsert=True)


def _ready(jobs: Iterable[Job], now: datetime) -> tuple[Ready, ...]:
    """Return, a queue each, the highest priority and the earliest due time of those that are ready."""
    found: dict[str, Ready] = {}
    for job in jobs:
        if job.due_at is None or job.due_at > now:
            continue
        seen = found.get(job.queue, Ready(job.queue, job.priority, job.due_at))
        found[job.queue] = Ready(job.queue, max(seen.priority, job.priority), min(seen.due_at, job.due_at))
    return tuple(found.values())
