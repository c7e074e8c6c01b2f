"""One call of a task: its arguments read, the function called in the context of its job, and what became of it."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from eventqueue.model.progress import NOTE_MAX
from eventqueue.tasks import hooks, tracing
from eventqueue.tasks.context import Context, entering
from eventqueue.tasks.declared import Declared
from eventqueue.tasks.ending import of_error, storable
from eventqueue.tasks.outcomes import Outcome, Raised, Returned
from eventqueue.worker.python.capture import Printed, current
from eventqueue.worker.python.interrupting import Interrupted, Interruptible, JobCancelled, TimedOut
from eventqueue.worker.python.messages import Progressed, Run, Stop

Report = Callable[[Progressed], None]
"""Who is told how far a task is."""

LOG = logging.getLogger("eventqueue.task")
INTERRUPTIONS = (JobCancelled, TimedOut, asyncio.CancelledError)


class Running:
    """One run in this process. It is begun once, or handed back, whichever comes first."""

    def __init__(self, order: Run, task: Declared, report: Report) -> None:
        self.order = order
        self.task = task
        self.printed = Printed()
        self.asked: Stop | None = None
        self.future: asyncio.Task[None] | None = None  # of one that is async
        self.thread = Interruptible()
        self._report = report
        self.began_at = time.monotonic()

    def call(self) -> Outcome:
        """Call a function that is not async, in this thread."""
        return self.thread.run(self._call_safely, self._raised)

    def _call_safely(self) -> Outcome:
        try:
            return self._call()
        except Interrupted:
            raise
        except BaseException as error:  # beside its task: in a hook, say, or in what traces
            return self._raised(error)

    def _call(self) -> Outcome:
        context = self._enter()
        with tracing.running(context, self.order.correlation):
            try:
                args, kwargs = self.task.contract.arguments(self.order.call, context)
                hooks.starting(context)
                value = self.task.function(*args, **kwargs)
                outcome = Returned(self.task.contract.result(value))
            except BaseException as error:  # whatever a task raises is its own, an exit too
                return self._failed(context, error)
            return self._returned(context, outcome, value)

    async def acall(self) -> Outcome:
        """Await a coroutine function."""
        try:
            return await self._acall()
        except BaseException as error:  # as above
            return self._raised(error)

    async def _acall(self) -> Outcome:
        context = self._enter()
        with tracing.running(context, self.order.correlation):
            try:
                args, kwargs = self.task.contract.arguments(self.order.call, context)
                hooks.starting(context)
                value = await self.task.function(*args, **kwargs)
                outcome = Returned(self.task.contract.result(value))
            except BaseException as error:
                return self._failed(context, error)
            return self._returned(context, outcome, value)

    def _returned(self, context: Context, outcome: Outcome, value: Any) -> Outcome:
        with suppress(*INTERRUPTIONS):  # the task has returned: it is too late to stop it
            hooks.ended(context, outcome, value)
        return outcome

    def _failed(self, context: Context, error: BaseException) -> Outcome:
        outcome = self._raised(error)
        if self.asked is not None and isinstance(error, INTERRUPTIONS) and isinstance(outcome, Raised):
            if not self.asked.is_timeout:  # it did not fail: it was cancelled, or is handed back
                return outcome
            outcome = Raised(outcome.error)  # which is tried again, whatever the task says of exceptions
        if isinstance(outcome, Raised):
            tracing.failed(error)
        hooks.ended(context, outcome, error)
        return outcome

    def stop(self, order: Stop, loop: asyncio.AbstractEventLoop | None) -> None:
        """Interrupt it, as well as can be, or have it not begun. Safe across threads."""
        self.asked = order
        if not self.task.is_async:
            self.thread.interrupt(TimedOut if order.is_timeout else JobCancelled)
        elif loop is not None:
            loop.call_soon_threadsafe(self._cancel)

    def _cancel(self) -> None:
        if self.future is not None:
            # Behind its first step: one that is cancelled before it has begun would tell of no end.
            asyncio.get_running_loop().call_soon(self.future.cancel)

    def _enter(self) -> Context:
        current.set(self.printed)
        context = self._context()
        entering(context)
        return context

    def _context(self) -> Context:
        order = self.order
        until = None if order.timeout_s is None else datetime.now(UTC) + timedelta(seconds=order.timeout_s)
        return Context(
            id=order.job_id,
            task=self.task.name,
            attempt=order.attempt,
            claim=order.claim,
            queue=order.queue,
            deadline=until,
            retries_left=order.retries_left,
            is_cancelled=lambda: self.asked is not None,
            report=self._progress,
            log=LOG,
        )

    def _progress(self, done: float, total: float | None, note: str | None) -> None:
        with suppress(TypeError, ValueError, OverflowError):  # what is no number says nothing
            figures = float(done), None if total is None else float(total)
            if not self.printed.is_over and all(isfinite(one) for one in figures if one is not None):
                said = None if note is None else storable(str(note)[:NOTE_MAX])[:NOTE_MAX]
                self._report(Progressed(self.order.number, *figures, said))

    def _raised(self, error: BaseException) -> Outcome:
        return of_error(self.task, error, self.order.attempt, datetime.now(UTC))
