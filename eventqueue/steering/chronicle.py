"""What becomes of workers, told in the log: one stream an incarnation, which ends where it left or was lost."""

from eventqueue.log.noting import note
from eventqueue.model.events import stream_of
from eventqueue.model.lives import CATEGORY, WorkerEvent, is_over
from eventqueue.mongo.clock import DatabaseClock
from eventqueue.ports.log import EventLog


def tell(log: EventLog, clock: DatabaseClock, worker: str, event: WorkerEvent, actor: str) -> None:
    """Append what has happened to an incarnation, unless all is over with it already.

    Raises Unavailable, LogUnavailable or AccessDenied.
    """
    stream = stream_of(CATEGORY, worker)
    note(log, stream, lambda history: [] if is_over(history) else [event], actor=actor, now=clock.now)
