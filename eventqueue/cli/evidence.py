"""The doctor's checks of what the log is proven by: that it is sealed, and that it had what views have shown."""

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from eventqueue.errors import LogCorrupt
from eventqueue.model.codec import decode
from eventqueue.model.events import Event, Recorded
from eventqueue.model.upkeep import STREAM, ViewsRebuilt
from eventqueue.telling.others import told
from eventqueue.telling.words import count
from eventqueue.telling.zone import moment

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.mongo.ground import Ground

LATE = timedelta(minutes=5)  # whoever projects seals once a minute
LOST_FOR = timedelta(days=7)  # it is told that events were missing
LOOKED_AT = 100  # events of a stream, the newest ones


def seals(queue: "Queue") -> tuple[str, str | None]:
    """Whether the log is sealed, and if not, since when and why."""
    from eventqueue.audit.seals import SEALS, LogSealed
    from eventqueue.sealing import stored
    from eventqueue.sealing.duty import unsealed
    from eventqueue.sealing.sealer import Sealer

    ground = queue.connection.ground
    last = next((one for one in _newest(ground, SEALS) if isinstance(one.event, LogSealed)), None)
    since = "" if last is None else f" since {moment(last.at, 'seconds')}{_by(last.event)}"
    try:
        Sealer(ground, "doctor").check()
    except LogCorrupt as error:
        return f"nothing is sealed any more{since}: {error}", (
            "`queuectl audit verify --all` says what was done to the seals; `queuectl audit export` keeps what there is"
        )
    if (new := unsealed(ground, stored.last(ground.log))) <= 0:
        return f"nothing has come{since} that is not sealed", None
    holder = queue.connection.views.snapshot()["holder"]
    if not holder or last is None or ground.clock.now() - last.at < LATE:
        return f"{count(new, 'event')}{since}: whoever projects seals them", None
    return f"{count(new, 'event')}{since} and not sealed", f"the log of {holder} says why, or `queuectl audit seal`"


def _by(seal: Event) -> str:
    from eventqueue.audit.seals import LogSealed

    key = seal.key if isinstance(seal, LogSealed) else None
    return "" if key is None else f" (signed with key {key.hex()[:16]}, as what comes must be)"


def lost(queue: "Queue") -> tuple[str, str | None]:
    """Whether views were built anew lately that had more than the log, as far as who built them told."""
    ground = queue.connection.ground
    begin = ground.clock.now() - LOST_FOR
    for one in _newest(ground, STREAM):
        if isinstance(one.event, ViewsRebuilt) and one.event.lost is not None and one.at >= begin:
            return f"views were built anew on {moment(one.at, 'seconds')}: {told(one.event.lost)}", (
                "if no backup was restored then, events were removed: `queuectl audit verify --all`, with --against or "
                "--record, says which"
            )
    return f"nobody who built views anew in the last {LOST_FOR.days} days found that the log had less than they", None


def _newest(ground: "Ground", stream: str) -> list[Recorded]:
    """Return the newest events of a stream, the last one first; without those that cannot be read."""
    found: list[Recorded] = []
    for raw in ground.log.read_part(stream, None, LOOKED_AT, reverse=True):
        with suppress(LogCorrupt):
            found.append(decode(raw))
    return found
