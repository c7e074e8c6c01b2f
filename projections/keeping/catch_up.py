"""Applies what the log holds beyond a checkpoint, in the caller's own thread, and returns at its end.

For readers that find no projector at work, and for a rebuild before it switches.
"""

from collections.abc import Callable

from bson.timestamp import Timestamp

from eventqueue.mongo.ground import Ground
from eventqueue.ports.finder import Signal
from projections.keeping.applier import Applier
from projections.keeping.checkpoint import token_time
from projections.keeping.promotion import let_go, promote
from projections.keeping.signals import Signals
from projections.keeping.tail import Tail

CHUNK = 500  # events a transaction: a reader never holds the place for long


def catch_up(
    ground: Ground,
    applier: Applier,
    until: Timestamp,
    chunk: int | None = None,
    tell: Callable[[Signal], object] | None = None,
) -> None:
    """Apply every event that was committed before `until`, promote what is due, and let go what is paused no more.

    `tell`: given what each chunk changed, instead of all who wait. Raises Fenced if another process takes the place
    meanwhile; what was applied by then stays applied.
    """
    tell = tell or Signals(ground.database).publish
    with Tail(ground.database, applier.held.token, await_ms=1, most=chunk or CHUNK) as tail:
        while True:
            changes = tail.read()
            if changes:
                tell(applier.apply([one.event for one in changes], tail.token, ground.clock.now()))
            if tail.time >= until if not changes else token_time(changes[-1].token) > until:
                break  # also with more to come: under a steady stream of appends the end would never be seen
        if not changes:
            applier.save(tail.token, ground.clock.now())  # an old token makes every reader scan the oplog from there
    while (promoted := promote(applier, ground.clock.now())) is not None:
        tell(promoted)
    while (freed := let_go(applier, ground.clock.now())) is not None:
        tell(freed)
