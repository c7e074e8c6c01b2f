"""Late results: an outcome that came after its claim had ended is history in `late-<job>`, and never applied."""

from datetime import datetime

from eventqueue.log.insist import Decision, insist
from eventqueue.model import readable
from eventqueue.model.codec import to_data
from eventqueue.model.events import LateResult, name_in, stream_of, type_of
from eventqueue.ports.log import Append, EventLog


def record_late(log: EventLog, lost: Append, worker: str, actor: str, now: datetime) -> None:
    """Append the outcome that `lost` carried to the job's late stream. Raises Unavailable."""
    first = lost.events[0].recorded
    stream = stream_of("late", name_in(first.stream))
    late = LateResult(claim=first.version - 1, worker=worker, outcome=type_of(first.event), data=to_data(first.event))

    def look() -> Decision:
        found = readable.read(log.read_raw(stream))
        # Sent before, perhaps, and its answer was lost.
        return found.head, () if any(one.event == late for one in found.events) else [late]

    insist(log, stream, look, actor=actor, now=lambda: now)
