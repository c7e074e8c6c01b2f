"""The doctor's check of schedules: that somebody makes their jobs."""

from typing import TYPE_CHECKING

from eventqueue.system.printable import clean
from eventqueue.telling.words import count
from eventqueue.telling.zone import moment

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue


def schedules(queue: "Queue") -> tuple[str, str | None]:
    """Whether the last tick of each schedule became a job, and nothing is in the way of the next."""
    from eventqueue.ticking.overdue import overdue

    found = overdue(queue.connection.ground)
    if found.unmade:
        (name, at), more = found.unmade[0], len(found.unmade) - 1
        others = f", and so with {count(more, 'other schedule')}" if more else ""
        return (
            f"of schedule {clean(name)} there is no job for the tick of {moment(at, 'seconds')}{others}",
            "start who makes them, with `queuectl worker start` or `queuectl projector start`",
        )
    if found.taken:
        (name, job), more = found.taken[0], len(found.taken) - 1
        others = f", and so with {count(more, 'other job')}" if more else ""
        return (
            f"job {clean(job)} is called as that of a tick of schedule {clean(name)}, which has not made it and makes "
            f"none beside it{others}",
            f"look who has made it, with `queuectl history {clean(job)}`; `queuectl schedule trigger {clean(name)}` "
            "makes a job in its place",
        )
    if found.unknown:
        name, problem = found.unknown[0]
        return f"schedule {clean(name)}: {problem}", "mend it with `queuectl schedule add`, or remove it"
    return f"{count(found.number, 'schedule')}, with a job for each tick" if found.number else "there is none", None
