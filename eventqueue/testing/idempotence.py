"""Whether a task that runs twice does what it does once: as after a crash between its effect and its outcome."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from eventqueue.api.current import using
from eventqueue.api.tasks import Prepared
from eventqueue.model.events import Call
from eventqueue.model.job import Job
from eventqueue.tasks.outcomes import Outcome, Raised, Returned
from eventqueue.testing.queue import TestQueue
from eventqueue.testing.running import twice


def assert_idempotent(
    task: Prepared[..., Any], *args: Any, effects: Callable[[], Any] = lambda: None, **kwargs: Any
) -> None:
    """Run a task as a job, lose its outcome as a crash would, have it tried again, and compare what is done.

    `effects` returns what the task changes: `assert_idempotent(send, "ann", effects=lambda: list(outbox))`. It is
    called after each of the two runs, and what it returns is copied. Jobs that the task enqueues are compared, too.
    Raises AssertionError, which says what the second run changed, or how either of them failed.
    """
    queue = TestQueue()
    with using(queue):
        job_id = task.options(max_retries=1).enqueue(*args, **kwargs).id
        seen = []
        for outcome, which in zip(twice(queue.memory, job_id), ("first", "second"), strict=True):
            _check_returned(outcome, which)
            seen.append((deepcopy(effects()), _enqueued(queue)))
    (before, jobs_before), (after, jobs_after) = seen
    if before != after:
        raise AssertionError(
            f"To run it again changes what is done: {before!r} after it ran once, {after!r} after two."
        )
    if jobs_before != jobs_after:
        more = ", ".join(sorted(jobs_after - jobs_before))
        raise AssertionError(
            f"To run it again enqueues again ({more}): give these jobs a key that is the same each time."
        )


def _check_returned(outcome: Outcome | None, which: str) -> None:
    if isinstance(outcome, Returned):
        return
    told = outcome.error.told if isinstance(outcome, Raised) else repr(outcome)
    where = f"\n{outcome.error.traceback}" if isinstance(outcome, Raised) else ""
    raise AssertionError(f"Its {which} run did not come to its end: {told}{where}")


def _enqueued(queue: TestQueue) -> set[str]:
    return {f"job {job.id}, {_what(job)}" for job in queue.walk(limit=None).jobs}


def _what(job: Job) -> str:
    return f"task {job.run.task}" if isinstance(job.run, Call) else "a command"
