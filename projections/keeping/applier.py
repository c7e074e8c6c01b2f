"""Applies folded batches: views, counters and checkpoint in one transaction, so each event counts exactly once.

In two stages, so that a batch can be prepared while the one before it is being committed. Any abort leaves the views
where the checkpoint says; whoever goes on starts from there.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import pymongo
from msgspec.structs import replace
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from eventqueue.errors import Fenced, ViewsDamaged
from eventqueue.model.events import Recorded
from eventqueue.model.job import Job, State
from eventqueue.model.portions import PORTION_BYTES
from eventqueue.mongo.errors import DUPLICATE_KEY, translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.log import DURABLE
from eventqueue.ports.finder import JobAt, Ready, Signal
from projections.folds.decoding import Poison, read
from projections.folds.entries import HELD, READY, Entry, first_of
from projections.folds.folding import Folded, Folding, Seat, born_in, jobs_in
from projections.folds.projection import Projection
from projections.folds.writes import Write, tallies, writes
from projections.keeping import checkpoint
from projections.keeping.ageing import find_aged, take_out
from projections.keeping.checkpoint import Checkpoint, Last, Token
from projections.keeping.generation import IS_HELD, IS_READY, IS_WAITING, Generation
from projections.keeping.seats import Seats

CANCELLED_MAX = 1000  # ids in one signal
TOLD_MAX = 32  # jobs that a signal names: of more there is something for everybody
PROMOTED_MAX = 1000  # entries in one transaction
MERGED_MAX = 100  # queues of which the server merges the entries that are held back, instead of sorting them
TRANSACTION_S = 30.0
INTERRUPTED = 11601
UNKNOWN = 2**31  # the size of a batch that was not weighed: taken for large


class Prepared(msgspec.Struct, frozen=True):
    """A batch ready to be committed: what it writes, how far it leads, and what to tell when it is done."""

    writes: Sequence[Write]
    token: Token
    applied: int
    last: Recorded | None
    now: datetime
    signal: Signal


class Applier:
    """Moves one generation's views forward from the checkpoint that the caller holds, in `session`.

    One thread may prepare a batch while another commits the one before. After an error of either the views may be
    anywhere up to what was prepared: take the place again.

    `is_exact`: every event comes once, so a job's first event is of a job that the views do not have. Where that is not
    so (after a scan the tail tells of the same jobs again) it raises ViewsDamaged, and the views are as they were.
    `paused`, which may be set between two batches: the queues of which nothing is shown as ready.
    """

    def __init__(
        self,
        ground: Ground,
        held: Checkpoint,
        projections: Sequence[Projection],
        session: ClientSession,
        *,
        is_exact: bool = False,
    ) -> None:
        self.held = held
        self._database = ground.database
        self._session = session
        self._generation = Generation(ground.database, held.generation)
        self._folding = Folding(projections, partial(read, ground.log))
        self._seats = Seats(self._generation)
        self._projections = projections
        self._is_exact = is_exact
        self.paused: Collection[str] = ()

    def apply(self, events: Sequence[Recorded | Poison], token: Token, now: datetime) -> Signal:
        """Apply a batch and move the checkpoint to `token`; return what to tell those who wait.

        Raises Fenced where another process has moved the checkpoint; nothing is applied then.
        """
        return self.commit(self.prepare(events, token, now))

    def prepare(
        self, events: Sequence[Recorded | Poison], token: Token, now: datetime, size: int | None = None
    ) -> Prepared:
        """Fold a batch onto what the batches before it leave; `size`: of its events, in bytes, if that is known."""
        # To look in the views for what cannot be there takes a third of a millisecond, in which each new job waits.
        new = born_in(events) if self._is_exact else ()
        folded = self._folding.fold(events, self._seats.take(jobs_in(events), new))
        return self._prepared(folded, token, now, UNKNOWN if size is None else size)

    def retry(self, ids: Collection[str], now: datetime) -> tuple[Mapping[str, Seat], Signal]:
        """Let parked jobs go on from where their views stand; return where they stand then, and what to tell of them.

        Raises Fenced as `apply` does.
        """
        folded = self._folding.retry(self._seats.take(ids))
        return folded.seats, self.commit(self._prepared(folded, self.held.token, now, UNKNOWN))

    def _prepared(self, folded: Folded, token: Token, now: datetime, size: int) -> Prepared:
        size = UNKNOWN if folded.is_repaired else size
        made = writes(self._generation.name_of, folded, now, is_heavy=size > PORTION_BYTES, paused=self.paused)
        self._seats.keep(folded.seats)
        changed = [seat for seat in folded.seats.values() if seat.is_changed]
        return Prepared(
            writes=made,
            token=token,
            applied=folded.applied,
            last=folded.last,
            now=now,
            signal=self._signal(changed, now),
        )

    def commit(self, batch: Prepared) -> Signal:
        """Write a prepared batch and move the checkpoint, both or neither. Raises Fenced as `apply` does."""

        def write(session: ClientSession) -> Checkpoint:
            moved = checkpoint.advance(
                self._database,
                self.held,
                batch.token,
                applied=batch.applied,
                last=batch.last,
                now=batch.now,
                session=session,
            )
            for one in batch.writes:
                self._write(one, session)
            return moved

        self.held = self._in_transaction(write)
        return batch.signal

    def promote(self, now: datetime) -> Signal | None:
        """Mark jobs whose `due_at` has come as ready or held back, a thousand at most; None where there are none."""
        due = {**IS_WAITING, "due_at": {"$lte": now}}
        with translated():
            found = list(self._generation.due.find(due).sort("due_at", 1).limit(PROMOTED_MAX))
        if not found:
            return None
        with _untouched():
            held_back = [entry for entry in found if entry["queue"] in self.paused]
            ready = [entry for entry in found if entry["queue"] not in self.paused]
            signal = Signal(self.held.generation, ready=_ready([_at_head(entry) for entry in ready]))
        self._mark({HELD: held_back, READY: ready}, IS_WAITING, now)
        return signal

    def hold_back(self, now: datetime) -> bool:
        """Take entries of paused queues, a thousand at most, from what is ready; False where there are none."""
        if not self.paused:
            return False
        with translated():
            of_paused = {**IS_READY, "queue": {"$in": sorted(self.paused)}}
            found = list(self._generation.due.find(of_paused, {"_id": 1}).limit(PROMOTED_MAX))
        if found:
            self._mark({HELD: found}, IS_READY, now)
        return bool(found)

    def let_go(self, now: datetime) -> Signal | None:
        """Mark entries that were held back and are of paused queues no more as ready, a thousand at most.

        Those to be claimed first, first, whatever their queues; of very many queues some at a time. None where there
        are none.
        """
        due = self._generation.due
        with translated():
            # Every name is above "": with no condition on the queue no index over it would be used.
            queues = set(due.distinct("queue", {**IS_HELD, "queue": {"$gt": ""}})).difference(self.paused)
            if not queues:
                return None
            some = {**IS_HELD, "queue": {"$in": sorted(queues)[:MERGED_MAX]}}
            found = list(due.find(some).sort([("priority", -1), ("due_at", 1)]).limit(PROMOTED_MAX))
        with _untouched():
            ready = _ready([_at_head(entry) for entry in found], is_named=False)
        self._mark({READY: found}, IS_HELD, now)
        return Signal(self.held.generation, ready=ready)

    def _mark(self, entries: Mapping[bool | str, Sequence[Entry]], as_it_was: Mapping[str, Any], now: datetime) -> None:
        """Give entries that are `as_it_was` another `ready`, in one transaction."""

        def write(session: ClientSession) -> Checkpoint:
            # `moved_at` always changes, so the fence holds here as in a batch.
            moved = checkpoint.advance(
                self._database, self.held, self.held.token, applied=0, last=None, now=now, session=session
            )
            for ready, some in entries.items():
                those = {"_id": {"$in": [entry["_id"] for entry in some]}, **as_it_was}
                if some:
                    # By `_id`: else the server may go through all that are so, for each thousand of them.
                    self._database[self._generation.due.name].update_many(
                        those, {"$set": {"ready": ready}}, session=session, hint="_id_"
                    )
            return moved

        self.held = self._in_transaction(write)

    def merge_aged(self, now: datetime) -> bool:
        """Merge counters that have grown old, some hundred at most; False where there were none."""
        with translated():
            found = {one.name: find_aged(self._generation, one, now) for one in self._projections}
        found = {name: aged for name, aged in found.items() if aged}
        if not found:
            return False

        def write(session: ClientSession) -> Checkpoint:
            moved = checkpoint.advance(
                self._database, self.held, self.held.token, applied=0, last=None, now=now, session=session
            )
            sums = {name: take_out(self._generation, name, aged, session) for name, aged in found.items()}
            for one in tallies(self._generation.name_of, sums):
                self._write(one, session)
            return moved

        self.held = self._in_transaction(write)
        return True

    def next_due(self) -> datetime | None:
        """Return when the next waiting job will be due."""
        with translated():
            found = self._generation.due.find_one(IS_WAITING, {"due_at": 1}, sort=[("due_at", 1)])
        if found is None:
            return None
        with _untouched():
            if not isinstance(found["due_at"], datetime):
                raise TypeError("no time")
            return found["due_at"]

    def save(self, token: Token, now: datetime, last: Last | None = None) -> None:
        """Move the checkpoint over a quiet stretch of the log; `last`: the event to find the log by again."""
        with translated():
            self.held = checkpoint.advance(self._database, self.held, token, applied=0, last=last, now=now)

    def _in_transaction(self, write: Callable[[ClientSession], Checkpoint]) -> Checkpoint:
        with translated(), pymongo.timeout(TRANSACTION_S):
            try:
                return self._session.with_transaction(write, ReadConcern("snapshot"), DURABLE, ReadPreference.PRIMARY)
            except OperationFailure as error:
                if error.code != INTERRUPTED:
                    raise
                raise Fenced("Another process ended this one's transaction, to take the projector's place.") from error

    def _write(self, one: Write, session: ClientSession) -> None:
        reply = self._database.command(one.command, session=session)
        for problem in reply.get("writeErrors", ()):
            if problem["code"] != DUPLICATE_KEY:
                raise OperationFailure(problem["errmsg"], problem["code"], problem)
        if one.count is not None and reply["n"] != one.count:
            raise ViewsDamaged("Another hand has changed the views: `queuectl projections rebuild` makes them new.")

    def _signal(self, changed: Collection[Seat], now: datetime) -> Signal:
        after = [seat.after for seat in changed if seat.after is not None and seat.parked is None]
        open_ = [job for job in after if job.queue not in self.paused]
        cancelled = [job.id for job in after if job.state is State.CANCELLED]
        return Signal(
            self.held.generation, ready=_ready(_claimable(open_, now)), cancelled=tuple(cancelled[:CANCELLED_MAX])
        )


@contextmanager
def _untouched() -> Iterator[None]:
    """Raise ViewsDamaged where an entry is none that a projector has written."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ViewsDamaged("Another hand has changed the views: they are built anew.") from error


Claimable = tuple[str, int, datetime, JobAt]
"""Where a job stands in the order of claims: queue, priority, due time; and which it is."""


def _claimable(jobs: Iterable[Job], now: datetime) -> list[Claimable]:
    return [
        (job.queue, job.priority, job.due_at, (job.id, job.version))
        for job in jobs
        if job.due_at is not None and job.due_at <= now
    ]


def _at_head(entry: Entry) -> Claimable:
    if not isinstance(entry["due_at"], datetime) or not isinstance(entry["priority"], int):
        raise TypeError("no entry")
    # Who is not ready yet has an entry of his own.
    return entry["queue"], entry["priority"], entry["due_at"], first_of(entry)


def _ready(places: Collection[Claimable], *, is_named: bool = True) -> tuple[Ready, ...]:
    """Return, a queue each, what became ready there; which jobs, if `is_named` and they are few."""
    found: dict[str, Ready] = {}
    for queue, priority, due_at, _ in places:
        seen = found.get(queue)
        if seen is None or priority > seen.priority or due_at < seen.due_at:
            seen = seen or Ready(queue, priority, due_at)
            found[queue] = Ready(queue, max(seen.priority, priority), min(seen.due_at, due_at))
    if len(found) > TOLD_MAX:
        return (Ready(None, max(one.priority for one in found.values()), min(one.due_at for one in found.values())),)
    if len(places) > TOLD_MAX or not is_named:
        return tuple(found.values())
    jobs: dict[str, list[JobAt]] = defaultdict(list)
    for queue, _, _, job in places:
        jobs[queue].append(job)
    return tuple(replace(one, jobs=tuple(sorted(jobs[queue]))) for queue, one in found.items())
