"""Builds a whole new generation from the log beside the live one, and switches readers to it at once.

Token before scan, not after: an event that commits in between would be in neither. The version guard makes nothing
of the events that are then seen twice.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import pymongo
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError
from pymongo.read_preferences import ReadPreference

from eventqueue.errors import Fenced, HistoryLost, QueueError
from eventqueue.model.codec import CODEC
from eventqueue.model.upkeep import Lost, ViewsRebuilt
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import BUILDING, Lease, Renewal
from eventqueue.mongo.log import DURABLE, MAJORITY, PLACED
from eventqueue.ports.finder import Signal
from eventqueue.system.tuning import tuned
from projections.folds.projection import Projection, versions
from projections.keeping import checkpoint
from projections.keeping.applier import TRANSACTION_S, Applier
from projections.keeping.catch_up import catch_up
from projections.keeping.checkpoint import Checkpoint, Last, id_of
from projections.keeping.generation import INDEXES, Generation, current, views
from projections.keeping.lost import lost
from projections.keeping.replay import replay
from projections.keeping.rescan import rescan
from projections.keeping.signals import Signals
from projections.keeping.tail import token_now
from projections.keeping.upkeep import Told, record

logger = logging.getLogger(__name__)

CATCH_UP_CHUNK = 2000  # events a transaction
SHOW_EVERY_S = 1.0

Progress = Callable[[int], object]
"""Told how many events of the log are in the new views."""


def rebuild(
    ground: Ground,
    projections: Sequence[Projection],
    session: ClientSession,
    progress: Progress = lambda _: None,
    *,
    told: Told | None = None,
) -> Generation:
    """Build a new generation of `projections`, switch to it and drop the old one; whoever projects goes on meanwhile.

    What a build that was killed has left behind is dropped first. The log tells of it, as `told` says (None: not), but
    for a log's first views: afterwards, or, where the views before had what it holds no more, while these are still
    there, for nothing else tells that.
    Raises Fenced if another process is building, or has switched meanwhile.
    """
    lease = Lease(ground.database, BUILDING, f"builder-{os.urandom(8).hex()}")
    if not lease.acquire():
        raise Fenced("The views are being built by another process.")
    try:
        with Renewal(lease) as renewal, tuned():
            gone = lost(ground)  # before the views that tell it are dropped
            if gone is not None:
                logger.error(
                    "the log has less than the views had: %s version %d is not there", gone.stream, gone.version
                )
            note = partial(_note, ground, projections, told, gone)
            watch = _Watch(ground.database, renewal, progress)
            new = _rebuild(ground, projections, session, watch, (lambda _: None) if gone is None else note)
    finally:
        lease.release()
    if gone is None:
        note(new)
    return new


def _note(
    ground: Ground, projections: Sequence[Projection], told: Told | None, gone: Lost | None, new: Generation
) -> None:
    if told is not None and (told.is_asked or new.number > 1):
        rebuilt = ViewsRebuilt(generation=new.number, projections=versions(projections), why=told.why, lost=gone)
        record(ground, rebuilt, told.actor)


class _Watch:
    """Passes progress on for as long as the lease is held, and shows it to others now and then."""

    def __init__(self, database: Database[Any], renewal: Renewal, progress: Progress) -> None:
        self.generation = 0
        self._database = database
        self._renewal = renewal
        self._progress = progress
        self._shown = time.monotonic()

    def __call__(self, applied: int) -> None:
        self._renewal.check()
        self._progress(applied)
        if time.monotonic() - self._shown > SHOW_EVERY_S:
            checkpoint.show(self._database, self.generation, applied)
            self._shown = time.monotonic()


def _rebuild(
    ground: Ground,
    projections: Sequence[Projection],
    session: ClientSession,
    watch: _Watch,
    before: Callable[[Generation], None],
) -> Generation:
    database = ground.database
    old = current(database)
    new = Generation(database, max(_newest(database), old.number if old else 0) + 1)
    _drop_leftovers(database, old)
    names = versions(projections)
    start = Checkpoint(
        generation=new.number,
        log=ground.log_id,
        projections=names,
        fence=0,
        session=id_of(session),
        token=token_now(database),
    )
    # A majority write: behind it the scan sees all that was applied before the token.
    checkpoint.create(database, start)
    watch.generation = new.number
    try:
        new.create(names)
        made = new.identities({*INDEXES, *names})
        checkpoint.keep_collections(database, new.number, made)
        _build(ground, start, projections, session, watch)
        if new.identities({*INDEXES, *names}) != made:
            raise Fenced("Somebody has dropped the views while they were built: the old ones stay.")
        before(new)
        _switch(database, old, new)
    except BaseException:
        _abandon(new, names)
        raise
    Signals(database).publish(Signal(new.number))
    _drop_leftovers(database, new)
    if old is not None:  # which may have lost its checkpoint
        old.drop(names)
    return new


def _build(
    ground: Ground, start: Checkpoint, projections: Sequence[Projection], session: ClientSession, progress: Progress
) -> None:
    applied = replay(ground, Generation(ground.database, start.generation), projections, progress)
    # The scan's own last event may be an old one: its presence would not show that newer ones are missing.
    held = checkpoint.advance(
        ground.database, start, start.token, applied=applied, last=_last(ground.database), now=ground.clock.now()
    )
    applier = Applier(ground, held, projections, session)

    def tell(_: Signal) -> None:  # not those who wait: nobody shall read these views before they are switched to
        progress(applier.held.applied)

    for _ in range(2):  # the second time for what came during the first, so that readers see little lag
        try:
            catch_up(ground, applier, majority_time(ground.database), CATCH_UP_CHUNK, tell)
        except HistoryLost:  # the new views themselves, of millions of jobs, may have pushed it out of the oplog
            rescan(ground, applier, tell)
        progress(applier.held.applied)


def _last(database: Database[Any]) -> Last | None:
    events = database.get_collection("events", CODEC, ReadPreference.PRIMARY, read_concern=MAJORITY)
    with translated():
        found = events.find_one(PLACED, {"hash": 1}, sort=[("ts", -1)])
    return None if found is None else Last(found["_id"]["stream"], found["_id"]["version"], found["hash"])


def _abandon(new: Generation, names: Iterable[str]) -> None:
    try:
        if _is_live(new):
            return  # the switch was made, though its maker did not hear of it
        new.drop(names)
        checkpoint.delete(new.database, new.number)
    except QueueError as error:
        logger.warning("the views of generation %d were begun and are left behind: %s", new.number, error)


def _is_live(new: Generation) -> bool:
    # By a write that changes nothing: a primary that was just elected may not show yet what a majority has.
    with translated():
        asked = views(new.database).update_one(
            {"_id": "alias", "generation": new.number}, {"$set": {"generation": new.number}}
        )
    return asked.matched_count == 1


def _drop_leftovers(database: Database[Any], live: Generation | None) -> None:
    """Drop all generations but the live one: those that were replaced, and those whose builder was killed."""
    for left in checkpoint.read_all(database):
        if live is None or left.generation != live.number:
            # What a builder that was killed has left open would keep its collections from being dropped.
            checkpoint.end_transactions(database, left.generation)
            Generation(database, left.generation).drop(left.projections)
            checkpoint.delete(database, left.generation)


def _newest(database: Database[Any]) -> int:
    with translated():
        found = checkpoint.checkpoints(database).find_one(sort=[("_id", -1)])
    return 0 if found is None else int(found["_id"])


def _switch(database: Database[Any], old: Generation | None, new: Generation) -> None:
    """Name `new` in the alias. Raises Fenced where that no longer names `old`: another process was first."""

    def write(session: ClientSession) -> None:
        if old is None:
            database["views"].insert_one({"_id": "alias", "generation": new.number}, session=session)
            return
        alias, change = {"_id": "alias", "generation": old.number}, {"$set": {"generation": new.number}}
        if database["views"].update_one(alias, change, session=session).matched_count == 0:
            raise Fenced("Another process has built the views meanwhile.")
        # Whoever still applies to the old generation matches nothing from here on. Its collections are known by this
        # until they are dropped.
        database["checkpoints"].update_one({"_id": old.number}, checkpoint.RETIRED, session=session)

    with translated(), pymongo.timeout(TRANSACTION_S), database.client.start_session() as session:
        try:
            session.with_transaction(write, write_concern=DURABLE, read_preference=ReadPreference.PRIMARY)
        except DuplicateKeyError:
            raise Fenced("Another process has built the views meanwhile.") from None
