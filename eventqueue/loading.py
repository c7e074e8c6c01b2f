"""A job as the log has it, at a cost that does not grow with its history.

Nearly every job has a few events, which are read and folded. One that was retried ten thousand times is taken from the
view, where the log holds the very event that the view has seen last, and only what came after it is folded.
"""

from contextlib import suppress

from eventqueue.errors import Unavailable
from eventqueue.events import stream_of
from eventqueue.finder import JobFinder
from eventqueue.job import Job, fold
from eventqueue.log import EventLog

LONG = 256  # events, from which on a view is asked


def load(log: EventLog, finder: JobFinder, job_id: str) -> Job | None:
    """Return a job, None if there is none. Raises Unavailable, or LogCorrupt where an event cannot be read."""
    stream = stream_of("job", job_id)
    history = log.read(stream, most=LONG + 1)
    if len(history) <= LONG:
        return fold(history)
    return _from_view(log, finder, job_id) or fold(log.read(stream))


def _from_view(log: EventLog, finder: JobFinder, job_id: str) -> Job | None:
    with suppress(Unavailable):  # there may be no views just now
        if (shown := finder.get([job_id]).get(job_id)) is not None:
            later = log.read(shown.stream, shown.version - 1)
            if later and later[0].head == shown.head:
                return fold(later[1:], shown)
    return None
