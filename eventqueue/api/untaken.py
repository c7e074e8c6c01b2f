"""The jobs that nobody takes since their Python task is known to no worker that is there for them."""

from collections.abc import Sequence

from eventqueue.api.connected import Connected
from eventqueue.audit.standstill import known
from eventqueue.model.codec import BUCKETS
from eventqueue.model.events import Call
from eventqueue.model.job import Job
from eventqueue.ports.finder import Share
from eventqueue.ports.views import Worker

HEADS_MAX = 20  # jobs that are looked at, each whole: what nobody takes comes to stand first


def heads_of(connection: Connected, queue: str) -> Sequence[Job]:
    """Return the first of the jobs that are ready in a queue."""
    return connection.finder.heads([Share(queue, range(BUCKETS))], HEADS_MAX)


def untaken(heads: Sequence[Job], queue: str, workers: Sequence[Worker]) -> Sequence[Job]:
    """Return those of a queue's first jobs whose task none of the workers knows that serve it."""
    tasks = known(workers, queue)
    return [job for job in heads if isinstance(job.run, Call) and job.run.task not in tasks]
