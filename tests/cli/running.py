"""Commands that run until they are told to stop, and waiting for what they do."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from eventqueue.server.deadline import Deadline, wait_until
from tests.cli.commands import Queuectl
from tests.patience import PATIENCE_S


def await_that(condition: Callable[[], bool]) -> None:
    assert wait_until(condition, Deadline.after(timedelta(seconds=PATIENCE_S)))


@contextmanager
def started(queuectl: Queuectl, *args: str) -> "Iterator[subprocess.Popen[str]]":
    """A command that runs until it is told to stop."""
    process = queuectl.start(*args)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
