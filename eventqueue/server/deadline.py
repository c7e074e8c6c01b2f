"""Waiting, always with an end: deadlines, conditions, and the start lock.

Nothing in this package waits by any other means.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from eventqueue.errors import LocalServerFailed

PAUSE_S = 0.005


@dataclass(frozen=True)
class Deadline:
    """An instant on the monotonic clock, `limit` after it was made."""

    limit: timedelta
    at: float

    @classmethod
    def after(cls, limit: timedelta) -> "Deadline":
        """Return the deadline `limit` from now."""
        return cls(limit, time.monotonic() + limit.total_seconds())

    @property
    def left_s(self) -> float:
        """Seconds until then; 0 once it has passed."""
        return max(0.0, self.at - time.monotonic())

    def __str__(self) -> str:
        return f"{self.limit.total_seconds():g} s"


def wait_until(condition: Callable[[], bool], deadline: Deadline) -> bool:
    """Return True as soon as `condition()` holds, False if the deadline passes first; it is asked at least once."""
    while not condition():
        if not deadline.left_s:
            return False
        time.sleep(PAUSE_S)
    return True


@contextmanager
def start_lock(path: Path, deadline: Deadline) -> Iterator[None]:
    """Hold the lock on file `path`, which ends with the process that holds it, however that ends.

    Raises LocalServerFailed if another process keeps it until the deadline.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if not wait_until(lambda: _lock_at_once(file), deadline):
            raise LocalServerFailed(
                f"Another process has been starting or stopping the local server for {deadline}: "
                f"try again, or see who holds {path} (fuser {path})."
            )
        yield
    finally:
        os.close(file)


def _lock_at_once(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
