"""Applies folded batches: views, counters and checkpoint in one transaction, so each event counts exactly once.

In two stages, so that a batch can be prepared while the one before it is being committed. Any abort leaves the views
where the checkpoint says; whoever goes on starts from there.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

import msgspec
import pymongo
from pymongo.client_session import ClientSession
from pymongo.errors import OperationFailure
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from eventqueue.errors import Fenced, ViewsDamaged
from eventqueue.model.events import Recorded
from eventqueue.model.job import State
from eventqueue.model.portions import PORTION_BYTES
from eventqueue.mongo.errors import DUPLICATE_KEY, translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.log import DURABLE
from eventqueue.ports.finder import Signal
from projections.folds.decoding import Poison, read
from projections.folds.due import claimable, told
from projections.folds.folding import Folded, Folding, Seat, born_in, jobs_in
from projections.folds.projection import Projection
from projections.folds.writes import Write, writes
from projections.keeping import checkpoint
from projections.keeping.checkpoint import Checkpoint, Last, Token
from projections.keeping.generation import Generation
from projections.keeping.seats import Seats

CANCELLED_MAX = 1000  # ids in one signal
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
        self.database = ground.database
        self._session = session
        self.generation = Generation(ground.database, held.generation)
        self._folding = Folding(projections, partial(read, ground.log))
        self._seats = Seats(self.generation)
        self.projections = projections
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
        size = UNKNOWN if folded.is_repaired or folded.is_amended else size
        made = writes(self.generation.name_of, folded, now, is_heavy=size > PORTION_BYTES, paused=self.paused)
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
                self.database,
                self.held,
                batch.token,
                applied=batch.applied,
                last=batch.last,
                now=batch.now,
                session=session,
            )
            self.send(batch.writes, session)
            return moved

        self.held = self._in_transaction(write)
        return batch.signal

    def beside(self, write: Callable[[ClientSession], object], now: datetime) -> None:
        """Have `write` done, in a transaction that only the holder of the place can commit. Raises Fenced."""

        def guarded(session: ClientSession) -> Checkpoint:
            # `moved_at` always changes, so the fence holds here as in a batch.
            moved = checkpoint.advance(
                self.database, self.held, self.held.token, applied=0, last=None, now=now, session=session
            )
            write(session)
            return moved

        self.held = self._in_transaction(guarded)

    def save(self, token: Token, now: datetime, last: Last | None = None) -> None:
        """Move the checkpoint over a quiet stretch of the log; `last`: the event to find the log by again."""
        with translated():
            self.held = checkpoint.advance(self.database, self.held, token, applied=0, last=last, now=now)

    def _in_transaction(self, write: Callable[[ClientSession], Checkpoint]) -> Checkpoint:
        with translated(), pymongo.timeout(TRANSACTION_S):
            try:
                return self._session.with_transaction(write, ReadConcern("snapshot"), DURABLE, ReadPreference.PRIMARY)
            except OperationFailure as error:
                if error.code != INTERRUPTED:
                    raise
                raise Fenced("Another process ended this one's transaction, to take the projector's place.") from error

    def send(self, commands: Iterable[Write], session: ClientSession) -> None:
        """Send commands in the caller's transaction. Raises ViewsDamaged where the views are not as they were left."""
        for one in commands:
            reply = self.database.command(one.command, session=session)
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
            self.held.generation, ready=told(claimable(open_, now)), cancelled=tuple(cancelled[:CANCELLED_MAX])
        )
