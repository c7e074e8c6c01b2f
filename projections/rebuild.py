"""Builds a whole new generation from the log beside the live one, and switches readers to it at once.

Token before scan, not after: an event that commits in between would be in neither. The version guard makes nothing
of the events that are then seen twice.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pymongo
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import DuplicateKeyError
from pymongo.read_preferences import ReadPreference

from eventqueue.codec import CODEC
from eventqueue.errors import Fenced, QueueError
from eventqueue.events import Recorded
from eventqueue.finder import Signal
from eventqueue.ground import Ground
from eventqueue.mongo_errors import translated
from eventqueue.mongo_log import DURABLE, MAJORITY
from projections import checkpoint
from projections.applier import TRANSACTION_S, Applier
from projections.catch_up import catch_up
from projections.checkpoint import Checkpoint, Last, id_of
from projections.freshness import majority_time
from projections.generation import Generation, current
from projections.projection import Projection
from projections.signals import Signals
from projections.tail import token_now

logger = logging.getLogger(__name__)

CHUNK = 2000  # events a transaction


def rebuild(ground: Ground, projections: Sequence[Projection], session: ClientSession) -> Generation:
    """Build a new generation of `projections`, switch to it and drop the old one. Only for the lease's holder.

    Raises Fenced if another process has switched meanwhile.
    """
    database = ground.database
    old = current(database)
    new = Generation(database, max(_newest(database), old.number if old else 0) + 1)
    names = {one.name: one.version for one in projections}
    token = token_now(database)
    start = Checkpoint(
        generation=new.number, log=ground.log_id, projections=names, fence=0, session=id_of(session), token=token
    )
    checkpoint.create(database, start)
    try:
        new.create(names)
        _build(ground, Applier(ground, start, projections, session))
    except BaseException:
        _abandon(new, names)
        raise
    replaced = None if old is None else checkpoint.read(database, old.number)
    try:
        _switch(database, old, new)
    except Fenced:
        _abandon(new, names)
        raise
    Signals(database).publish(Signal(new.number))
    if old is not None:
        old.drop(names if replaced is None else replaced.projections)
    return new


def _build(ground: Ground, applier: Applier) -> None:
    for events in _chunks(ground.log.scan()):
        applier.apply(events, applier.held.token, ground.clock.now())
    # The scan's own last event may be an old one: its presence would not show that newer ones are missing.
    applier.save(applier.held.token, ground.clock.now(), last=_last(ground.database))
    for _ in range(2):  # the second time for what came during the first, so that readers see little lag
        catch_up(ground, applier, majority_time(ground.database))


def _last(database: Database[Any]) -> Last | None:
    events = database.get_collection("events", CODEC, ReadPreference.PRIMARY, read_concern=MAJORITY)
    with translated():
        found = events.find_one({}, {"hash": 1}, sort=[("ts", -1)])
    return None if found is None else Last(found["_id"]["stream"], found["_id"]["version"], found["hash"])


def _abandon(new: Generation, names: Iterable[str]) -> None:
    try:
        new.drop(names)
        with translated():
            checkpoint.checkpoints(new.database).delete_one({"_id": new.number})
    except QueueError as error:
        logger.warning("the views of generation %d were begun and are left behind: %s", new.number, error)


def _newest(database: Database[Any]) -> int:
    with translated():
        found = checkpoint.checkpoints(database).find_one(sort=[("_id", -1)])
    return 0 if found is None else int(found["_id"])


def _chunks(events: Iterable[Recorded]) -> Iterator[list[Recorded]]:
    chunk: list[Recorded] = []
    for event in events:
        chunk.append(event)
        if len(chunk) >= CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _switch(database: Database[Any], old: Generation | None, new: Generation) -> None:
    """Name `new` in the alias. Raises Fenced where that no longer names `old`: another process was first."""

    def write(session: ClientSession) -> None:
        if old is None:
            database["views"].insert_one({"_id": "alias", "generation": new.number}, session=session)
            return
        alias, change = {"_id": "alias", "generation": old.number}, {"$set": {"generation": new.number}}
        if database["views"].update_one(alias, change, session=session).matched_count == 0:
            raise Fenced("Another process has built the views meanwhile.")
        # Whoever still applies to the old generation matches nothing from here on.
        database["checkpoints"].delete_one({"_id": old.number}, session=session)

    with translated(), pymongo.timeout(TRANSACTION_S), database.client.start_session() as session:
        try:
            session.with_transaction(write, write_concern=DURABLE, read_preference=ReadPreference.PRIMARY)
        except DuplicateKeyError:
            raise Fenced("Another process has built the views meanwhile.") from None
