"""The doctor's check of Python tasks: that those for which jobs wait are known to a worker that serves their queue."""

from datetime import timedelta
from typing import TYPE_CHECKING

from eventqueue.model.events import Call
from eventqueue.system.printable import clean
from eventqueue.telling.words import count
from eventqueue.telling.zone import moment

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.model.job import Job

PATIENCE = timedelta(seconds=30)  # for a deploy, in which workers leave and others come
QUEUES_MAX = 50  # those that are looked at: the ones that wait for the longest
TASKS_MAX = 3  # that are named


def tasks(queue: "Queue") -> tuple[str, str | None]:
    """Whether what is due for a while could be taken by somebody."""
    if queue.connection.views.snapshot()["generation"] is None:
        return "there are no views yet that would show what waits", None
    first: dict[str, Job] = {}
    for job in _long_untaken(queue):
        assert isinstance(job.run, Call)
        first.setdefault(job.run.task, job)
    if not first:
        return "each for which jobs are due is known to a worker, or its queue has none", None
    named = "; ".join(
        f"{clean(task)} is known to no live worker of queue {job.queue}: job {clean(job.id)} is due since "
        f"{moment(job.due_at or job.run_at, 'seconds')}"
        for task, job in [*first.items()][:TASKS_MAX]
    )
    more = f"; and so {count(len(first) - TASKS_MAX, 'other task')}" if len(first) > TASKS_MAX else ""
    job = next(iter(first.values()))
    return (
        f"{named}{more}",
        "`queuectl worker start --import MODULE`, with the module that declares it; or, if it is misspelt, "
        f"`queuectl cancel {clean(job.id)}`",
    )


def _long_untaken(queue: "Queue") -> "list[Job]":
    from eventqueue.api.untaken import heads_of, untaken
    from eventqueue.audit.standstill import served
    from eventqueue.steering.pauses import Pauses

    connection, workers, now = queue.connection, queue.workers(), queue.connection.ground.clock.now()
    due, paused, by = connection.views.due_since(), Pauses(connection.ground.log).all(), served(workers)
    waiting = [name for name in sorted(due, key=due.__getitem__) if name not in paused and (by is None or name in by)]
    return [
        job
        for name in waiting[:QUEUES_MAX]
        for job in untaken(heads_of(connection, name), name, workers)
        if job.due_at is not None and now - job.due_at >= PATIENCE
    ]
