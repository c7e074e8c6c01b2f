"""What becomes of workers, told in the log: one stream an incarnation, which ends where it left or was lost."""

from collections.abc import Sequence

from eventqueue.log.insist import Decision, insist
from eventqueue.model import readable
from eventqueue.model.events import stream_of
from eventqueue.model.lives import CATEGORY, WorkerEvent, is_over
from eventqueue.mongo.clock import DatabaseClock
from eventqueue.ports.log import EventLog


def tell(log: EventLog, clock: DatabaseClock, worker: str, event: WorkerEvent, actor: str) -> None:
    """Append what has happened to an incarnation, unless all is over with it already. Raises LogUnavailable."""
    stream = stream_of(CATEGORY, worker)

    def look() -> Decision:
        found = readable.read(log.read_raw(stream))
        events: Sequence[WorkerEvent] = [] if is_over(found.events) else [event]
        return found.head, events

    insist(log, stream, look, actor=actor, now=clock.now)
