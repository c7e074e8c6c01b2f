"""What is due moves on: from waiting to ready when its time has come, and to held back and on with its queue.

An entry at a time is marked, a thousand in a transaction that only the holder of the place can commit.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from pymongo.client_session import ClientSession

from eventqueue.errors import ViewsDamaged
from eventqueue.mongo.errors import translated
from eventqueue.ports.finder import Signal
from projections.folds.due import HELD, READY, Entry, at_head, told
from projections.keeping.applier import Applier
from projections.keeping.generation import IS_HELD, IS_READY, IS_WAITING

PROMOTED_MAX = 1000  # entries in one transaction
MERGED_MAX = 100  # queues of which the server merges the entries that are held back, instead of sorting them


def promote(applier: Applier, now: datetime) -> Signal | None:
    """Mark jobs whose `due_at` has come as ready or held back, a thousand at most; None where there are none."""
    due = {**IS_WAITING, "due_at": {"$lte": now}}
    with translated():
        found = list(applier.generation.due.find(due).sort("due_at", 1).limit(PROMOTED_MAX))
    if not found:
        return None
    with _untouched():
        held_back = [entry for entry in found if entry["queue"] in applier.paused]
        ready = [entry for entry in found if entry["queue"] not in applier.paused]
        signal = Signal(applier.held.generation, ready=told([at_head(entry) for entry in ready]))
    _mark(applier, {HELD: held_back, READY: ready}, IS_WAITING, now)
    return signal


def hold_back(applier: Applier, now: datetime) -> bool:
    """Take entries of paused queues, a thousand at most, from what is ready; False where there are none."""
    if not applier.paused:
        return False
    with translated():
        of_paused = {**IS_READY, "queue": {"$in": sorted(applier.paused)}}
        found = list(applier.generation.due.find(of_paused, {"_id": 1}).limit(PROMOTED_MAX))
    if found:
        _mark(applier, {HELD: found}, IS_READY, now)
    return bool(found)


def let_go(applier: Applier, now: datetime) -> Signal | None:
    """Mark entries that were held back and are of paused queues no more as ready, a thousand at most.

    Those to be claimed first, first, whatever their queues; of very many queues some at a time. None where there
    are none.
    """
    due = applier.generation.due
    with translated():
        # Every name is above "": with no condition on the queue no index over it would be used.
        queues = set(due.distinct("queue", {**IS_HELD, "queue": {"$gt": ""}})).difference(applier.paused)
        if not queues:
            return None
        some = {**IS_HELD, "queue": {"$in": sorted(queues)[:MERGED_MAX]}}
        found = list(due.find(some).sort([("priority", -1), ("due_at", 1)]).limit(PROMOTED_MAX))
    with _untouched():
        ready = told([at_head(entry) for entry in found], is_named=False)
    _mark(applier, {READY: found}, IS_HELD, now)
    return Signal(applier.held.generation, ready=ready)


def _mark(
    applier: Applier, entries: Mapping[bool | str, Sequence[Entry]], as_it_was: Mapping[str, Any], now: datetime
) -> None:
    """Give entries that are `as_it_was` another `ready`, in one transaction."""

    def write(session: ClientSession) -> None:
        for ready, some in entries.items():
            those = {"_id": {"$in": [entry["_id"] for entry in some]}, **as_it_was}
            if some:
                # By `_id`: else the server may go through all that are so, for each thousand of them.
                applier.database[applier.generation.due.name].update_many(
                    those, {"$set": {"ready": ready}}, session=session, hint="_id_"
                )

    applier.beside(write, now)


def next_due(applier: Applier) -> datetime | None:
    """Return when the next waiting job will be due."""
    with translated():
        found = applier.generation.due.find_one(IS_WAITING, {"due_at": 1}, sort=[("due_at", 1)])
    if found is None:
        return None
    with _untouched():
        if not isinstance(found["due_at"], datetime):
            raise TypeError("no time")
        return found["due_at"]


@contextmanager
def _untouched() -> Iterator[None]:
    """Raise ViewsDamaged where an entry is none that a projector has written."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ViewsDamaged("Another hand has changed the views: they are built anew.") from error
