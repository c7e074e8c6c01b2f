"""One attempt of a job in this process: its task called as a worker's child would call it, by the test's clock."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import timedelta
from typing import Any

from eventqueue.errors import InvalidInput
from eventqueue.model.events import Call
from eventqueue.model.job import Job
from eventqueue.ports.footing import Clock
from eventqueue.ports.log import EventLog
from eventqueue.tasks import hooks, registry, tracing
from eventqueue.tasks.context import Context, running
from eventqueue.tasks.declared import Declared
from eventqueue.tasks.ending import of_error
from eventqueue.tasks.outcomes import Outcome, Returned
from eventqueue.testing.printed import Printed
from eventqueue.worker.running.reports import Ended

RunCommand = Callable[[Job], int]
"""What stands for the shell: given a job that is a command, it returns the exit code."""


class Attempt:
    """The attempt that a claim began; `job` as the claim left it."""

    def __init__(self, job: Job, log: EventLog, clock: Clock, shell: RunCommand | None) -> None:
        self.assertion: AssertionError | None = None  # of the task's, if one failed
        self._job = job
        self._log = log
        self._clock = clock
        self._shell = shell
        self._printed = Printed()

    def run(self) -> Ended:
        """Return how it ended. It has timed out where the task itself let the test's clock pass its timeout.

        What is no error of the task's own goes through: Ctrl-C, and what a test raises to end itself.
        """
        began, timeout = self._clock.now(), self._job.timeout
        with self._printed.kept():
            ended = self._call() if isinstance(self._job.run, Call) else self._command()
        took = (self._clock.now() - began).total_seconds()
        return Ended(
            key=self._job.id,
            **ended,
            timed_out=timeout is not None and took > timeout,
            duration_s=took,
            stdout=self._printed.stdout,
            stderr=self._printed.stderr,
        )

    def _command(self) -> dict[str, Any]:
        assert self._shell is not None
        code = self._shell(self._job)
        if type(code) is not int:
            raise InvalidInput("shell", f"returned {code!r}; it must return an exit code, such as 0")
        return {"exit_code": code}

    def _call(self) -> dict[str, Any]:
        assert isinstance(self._job.run, Call)
        task = registry.find(self._job.run.task)
        assert task is not None
        context = self._context(task)
        with running(context), tracing.running(context, self._job.correlation):
            return {"outcome": self._outcome(task, self._job.run, context)}

    def _outcome(self, task: Declared, call: Call, context: Context) -> Outcome:
        try:
            args, kwargs = task.contract.arguments(call, context)
            hooks.starting(context)
            found = task.function(*args, **kwargs)
            value = awaited(found) if task.is_async else found
            outcome: Outcome = Returned(task.contract.result(value))
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            self.assertion = error if isinstance(error, AssertionError) else None
            outcome, value = of_error(task, error, context.attempt, self._clock.now()), error
            tracing.failed(error)
        hooks.ended(context, outcome, value)
        return outcome

    def _context(self, task: Declared) -> Context:
        job = self._job
        assert job.claim is not None
        return Context(
            id=job.id,
            task=task.name,
            attempt=job.attempts,
            claim=job.claim,
            queue=job.queue,
            deadline=None if job.timeout is None else self._clock.now() + timedelta(seconds=job.timeout),
            retries_left=max(0, job.max_retries - job.failures),
            is_cancelled=lambda: bool(self._log.find_next([(job.stream, job.version)])),
        )


def awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Return what a coroutine returns: on a loop of its own, in another thread where this one has a loop that runs."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="task") as pool:
        return pool.submit(copy_context().run, asyncio.run, coroutine).result()
