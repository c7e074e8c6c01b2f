"""What a task knows of the job that it runs for: a parameter annotated `Context`, or `current_job()`."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

import msgspec

from eventqueue.errors import NoCurrentJob


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """The attempt that runs.

    `id`: the job's; `attempt`: its number, from 1; `claim`: the fence: it never repeats within a job and only grows, so
    that what the task writes to can refuse an attempt that was given up; `deadline`: when it runs into its timeout;
    `retries_left`: how often it may be tried again if this attempt fails, None where that is not known.
    """

    id: str
    task: str
    attempt: int
    claim: int
    queue: str
    deadline: datetime | None = None
    retries_left: int | None = None
    log: logging.Logger = msgspec.field(default_factory=lambda: logging.getLogger("eventqueue.task"))
    is_cancelled: Callable[[], bool] = lambda: False
    report: Callable[[float, float | None, str | None], None] = lambda _done, _total, _note: None

    def cancelled(self) -> bool:
        """Whether the task is asked to stop: its job was cancelled, its timeout has come, or its worker leaves."""
        return self.is_cancelled()

    def progress(self, done: float, total: float | None = None, note: str | None = None) -> None:
        """Tell how far it is, for people; as often as you like: it is shown four times a second at most."""
        self.report(done, total, note)


NO_JOB = Context(id="", task="", attempt=1, claim=0, queue="")
"""What a parameter annotated `Context` has where the function is called and no job runs; its default, so that type
checkers do not ask for it where a task is enqueued."""

_current: ContextVar[Context] = ContextVar("eventqueue_job")


def current_job() -> Context:
    """Return what is known of the job that this code runs for. Raises NoCurrentJob outside of one."""
    try:
        return _current.get()
    except LookupError:
        raise NoCurrentJob("No job runs here: `current_job()` is for code that a worker runs as a task.") from None


def entering(context: Context) -> None:
    """Make `context` that of all code that runs from now on in a context of its own, which ends with it."""
    _current.set(context)


@contextmanager
def running(context: Context) -> Iterator[None]:
    """Make `context` that of the code of the block, and of what it calls and awaits."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
