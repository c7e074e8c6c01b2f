"""A job as the log has it, at a cost that does not grow with its history.

Nearly every job has a few events, which are read and folded. One that was retried ten thousand times is taken from the
view, where the log holds the very event that the view has seen last, and only what came after it is folded.
"""

from collections.abc import Collection, Mapping
from contextlib import suppress

from eventqueue.errors import LogCorrupt, Unavailable
from eventqueue.model.events import Recorded, stream_of
from eventqueue.model.job import Job, fold
from eventqueue.ports.finder import JobFinder
from eventqueue.ports.log import EventLog

LONG = 256  # events, from which on a view is asked
BRIEF = 16  # events of each of many that are read at once: the few with more are read one by one


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


def load_many(
    log: EventLog, finder: JobFinder, job_ids: Collection[str]
) -> Mapping[str, tuple[Recorded, Job] | LogCorrupt]:
    """Return the jobs with these ids that there are, each with its first event, or why it cannot be read.

    Read all at once, but for the few with a long history. Raises Unavailable.
    """
    streams = {stream_of("job", job_id): job_id for job_id in job_ids}
    histories = log.read_many(streams, BRIEF + 1) if streams else {}
    if len(histories) < len(streams):  # a new primary does not show yet what was acknowledged
        log.await_acknowledged()
        histories = log.read_many(streams, BRIEF + 1)
    found: dict[str, tuple[Recorded, Job] | LogCorrupt] = {}
    for stream, job_id in streams.items():
        try:
            # One with an event that cannot be read is missing: what is wrong with it is told here.
            history = histories.get(stream) or log.read(stream, most=BRIEF + 1)
            job = fold(history) if len(history) <= BRIEF else load(log, finder, job_id)
            if job is not None:
                found[job_id] = history[0], job
        except LogCorrupt as error:
            found[job_id] = error
    return found
