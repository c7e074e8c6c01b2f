"""A job's history in a line, for assertions."""

from typing import Protocol

from eventqueue.api.current import current_queue
from eventqueue.api.queue import Queue
from eventqueue.model.events import type_of


class Named(Protocol):
    """What has a job's id: a receipt, a handle, or the job."""

    @property
    def id(self) -> str:
        """The id."""
        ...


def history(job: Named | str, queue: Queue | None = None) -> list[str]:
    """Return what has happened to a job, such as `["enqueued", "claimed", "completed"]`.

    `queue`: where it is; None: the queue in use, as of the fixtures. Raises JobNotFound.
    """
    job_id = job if isinstance(job, str) else job.id
    return [type_of(one.event) for one in (queue or current_queue()).history(job_id)]
