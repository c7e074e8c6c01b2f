"""Reads again, from the log itself, what the oplog no longer tells: by `ts`, from some time before the checkpoint.

Token before scan: what commits meanwhile is in the tail. `ts` is stamped before commit, so an event can become visible
behind a larger one: `VISIBLE_S` later at most. The
overlap is ten minutes, for the version guard makes nothing of what is seen twice.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice

from bson.timestamp import Timestamp

from eventqueue.mongo.ground import Ground
from eventqueue.mongo.timeline import Timeline, stamp_of
from eventqueue.ports.finder import Signal
from projections.folds.decoding import events_in
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
    stored = _since(ground, begin)
    while chunk := list(islice(stored, CHUNK)):
        events = [event for _, event in events_in(b"".join(chunk))]
        tell(applier.apply(events, applier.held.token, ground.clock.now()))
        checkpoint.note_rescanned(ground.database, applier.held, stamp_of(chunk[-1]).time)
        if (promoted := promote(applier, ground.clock.now())) is not None:  # it may take minutes
            tell(promoted)
    applier.save(now, ground.clock.now())


def _since(ground: Ground, begin: int) -> Iterator[bytes]:
    at = Timestamp(max(0, begin - int(OVERLAP.total_seconds())), 0)
    return Timeline(ground.database, ground.log).read_raw({"ts": {"$gte": at}})
