"""All that there is to tell of one job at once: how it stands, why it does, and its newest events."""

from collections.abc import Sequence

import msgspec

from eventqueue.api.queue import Queue
from eventqueue.api.then import Then
from eventqueue.audit.clauses import Why
from eventqueue.model.events import Recorded
from eventqueue.model.job import Job, fold


class Story(msgspec.Struct, frozen=True):
    """A job, why it is in its state, and the newest of its events, in order; `before`: the one before these.

    `first`: the event that made it.
    """

    job: Job
    why: Why
    events: Sequence[Recorded]
    before: Recorded | None
    first: Recorded


def story(seen: Queue | Then, job_id: str, most: int) -> Story:
    """Return what is to be told of a job, with `most` of its events. Raises JobNotFound, or Refused of the past.

    One with very many events is not read whole for its last ones: whoever looks on asks again and again. Of the past it
    is, since there is no view of it.
    """
    history = seen.history(job_id) if isinstance(seen, Then) else seen.history(job_id, last=most + 1)
    if isinstance(seen, Then):
        job = fold(history)
        why = seen.explain(history, job)
    elif history[0].version == 1:
        job, why = fold(history), seen.explain(history)
    else:
        shown = seen.get(job_id)
        job, why = fold([one for one in history if one.version > shown.version], shown), seen.why(job_id)
    assert job is not None
    first = history[0] if history[0].version == 1 else seen.history(job_id, before=2)[0]
    return Story(job, why, history[-most:], history[-most - 1] if len(history) > most else None, first)
