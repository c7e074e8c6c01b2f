"""Reads again, from the log itself, what the oplog no longer tells: by `ts`, from some time before the checkpoint.

Token before scan: what commits meanwhile is in the tail. `ts` is stamped before commit, so an event can become visible
behind a larger one, a minute later at most; the overlap is ten. The version guard makes nothing of what is seen twice.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from itertools import chain, islice
from typing import Any

from bson.timestamp import Timestamp
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.read_preferences import ReadPreference

from eventqueue.model.codec import CODEC
from eventqueue.model.events import Recorded
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.log import MAJORITY
from eventqueue.mongo.slices import SLICE, outlasting, slices
from eventqueue.ports.finder import Signal
from projections.folds.decoding import Poison, events_in
from projections.keeping import checkpoint
from projections.keeping.applier import Applier
from projections.keeping.checkpoint import token_time
from projections.keeping.promotion import promote
from projections.keeping.signals import Signals
from projections.keeping.tail import token_now

logger = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=10)
CHUNK = 2000  # events a transaction


def rescan(ground: Ground, applier: Applier, tell: Callable[[Signal], object] | None = None) -> None:
    """Apply everything since the checkpoint and move it to where the oplog can be followed again.

    Until then the checkpoint keeps its old token: whoever comes next goes on with the scan, and nobody takes the views
    for fresh.
    `tell`: given what each chunk changed, instead of all who wait. Raises Fenced if another process takes the place
    meanwhile.
    """
    now = token_now(ground.database)
    # The token is behind all that was applied, the scan sees what a majority has: it waits until that is the same.
    ground.log.await_acknowledged()
    tell = tell or Signals(ground.database).publish
    logger.warning("the oplog no longer reaches back to the checkpoint: the log itself is read again")
    begin = max(token_time(applier.held.token).time, applier.held.rescanned or 0)
    events = _since(ground.database, begin)
    while chunk := list(islice(events, CHUNK)):
        tell(applier.apply([event for _, event in chunk], applier.held.token, ground.clock.now()))
        checkpoint.note_rescanned(ground.database, applier.held, chunk[-1][0].time)
        if (promoted := promote(applier, ground.clock.now())) is not None:  # it may take minutes
            tell(promoted)
    applier.save(now, ground.clock.now())


def _since(database: Database[Any], begin: int) -> Iterator[tuple[Timestamp, Recorded | Poison]]:
    events = database.get_collection("events", CODEC, ReadPreference.PRIMARY, read_concern=MAJORITY)
    bounds: Mapping[str, Any] = {"$gte": Timestamp(max(0, begin - int(OVERLAP.total_seconds())), 0)}
    with database.client.start_session(causal_consistency=True) as session:
        while True:
            found = outlasting(partial(_slice, events, bounds, session))
            if len(found) < SLICE:
                yield from found
                return
            at = found[-1][0]
            if sure := [one for one in found if one[0] != at]:  # of those stamped `at` there may be more
                yield from sure
                bounds = {"$gte": at}
            else:  # by their places
                for batch in slices(events, {"ts": at}, session=session):
                    yield from ((at, event) for _, event in events_in(batch))
                bounds = {"$gt": at}


def _slice(
    events: Collection[Any], bounds: Mapping[str, Any], session: ClientSession
) -> list[tuple[Timestamp, Recorded | Poison]]:
    with events.find_raw_batches(
        {"ts": bounds}, sort=[("ts", 1)], limit=SLICE, batch_size=SLICE, session=session
    ) as batches:
        found = chain.from_iterable(map(events_in, batches))
        return [(document["ts"], event) for document, event in found]
