"""Builds a whole new generation from the log beside the live one, and switches readers to it at once.

Token before scan, not after: an event that commits in between would be in neither. The version guard makes nothing
of the events that are then seen twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pymongo
from pymongo.client_session import ClientSession
from pymongo.database import Database

from eventqueue.events import Recorded
from eventqueue.finder import Signal
from eventqueue.ground import Ground
from eventqueue.mongo_errors import translated
from eventqueue.mongo_log import DURABLE
from projections import checkpoint
from projections.applier import TRANSACTION_S, Applier
from projections.catch_up import catch_up
from projections.checkpoint import Checkpoint
from projections.freshness import majority_time
from projections.generation import Generation, current
from projections.projection import Projection
from projections.signals import Signals
from projections.tail import token_now

CHUNK = 2000  # events a transaction


def rebuild(ground: Ground, projections: Sequence[Projection]) -> Generation:
    """Build a new generation of `projections`, switch to it and drop the old one. Only for the lease's holder."""
    database = ground.database
    old = current(database)
    names = [one.name for one in projections]
    new = Generation(database, _newest(database) + 1)
    token = token_now(database)
    new.create(names)
    start = Checkpoint(
        generation=new.number,
        log=ground.log_id,
        projections={one.name: one.version for one in projections},
        fence=0,
        token=token,
    )
    checkpoint.create(database, start)
    applier = Applier(ground, start, projections)
    for events in _chunks(ground.log.scan()):
        applier.apply(events, token, ground.clock.now())
    catch_up(ground, applier, majority_time(database))
    _switch(database, old, new)
    Signals(database).publish(Signal(new.number))
    if old is not None:
        old.drop(names)
    return new


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
    def write(session: ClientSession) -> None:
        database["views"].update_one(
            {"_id": "alias"}, {"$set": {"generation": new.number}}, upsert=True, session=session
        )
        if old is not None:
            # Whoever still applies to the old generation matches nothing from here on.
            database["checkpoints"].delete_one({"_id": old.number}, session=session)

    with translated(), pymongo.timeout(TRANSACTION_S), database.client.start_session() as session:
        session.with_transaction(write, write_concern=DURABLE)
