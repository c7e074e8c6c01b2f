"""Lets jobs go on whose views stand still at an event of a newer eventqueue, once this is one that knows it.

Only at taking the place: while a process runs it learns no new events.
"""

import logging
from itertools import islice

from eventqueue.model.events import EVENT_TYPES
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from projections.keeping.applier import Applier
from projections.keeping.generation import PARKED, Generation
from projections.keeping.signals import Signals

logger = logging.getLogger(__name__)

SLICE = 100  # jobs in one transaction: each is read from the log

# Calls were first written under the schema of commands: who knew no calls took them for spoilt events.
MISTAKEN = {"parked.unknown": None, "parked.problem": {"$regex": r"Invalid value 'python' - at `\$\.run\.kind`"}}


def let_go_on(ground: Ground, applier: Applier) -> None:
    """Fold what the log has of these jobs, slice by slice, and tell who waits. Raises Fenced as Applier.retry does."""
    known = [
        {"parked.unknown.0": name, "parked.unknown.1": {"$lte": kind.SCHEMA}} for name, kind in EVENT_TYPES.items()
    ]
    jobs = Generation(ground.database, applier.held.generation).jobs
    with translated():
        found = [one["_id"] for one in jobs.find({**PARKED, "$or": [*known, MISTAKEN]}, {"_id": 1})]
    if found:
        logger.info("%d jobs that a newer eventqueue has acted on go on here", len(found))
    signals, waiting = Signals(ground.database), iter(found)
    while ids := list(islice(waiting, SLICE)):
        _, signal = applier.retry(ids, ground.clock.now())
        signals.publish(signal)
