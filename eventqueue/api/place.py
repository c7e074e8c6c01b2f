"""Where a queue is of which nobody says so: where the worker is whose process this is, or as the environment says."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from eventqueue.errors import Refused

DEFAULT_DB = "queuectl"

_place: tuple[str, str] | None = None  # of the worker
_is_tested = False


@contextmanager
def none_by_itself() -> Iterator[None]:
    """Have none be opened in this process, as long as its tests run, but that it asks for one."""
    global _is_tested  # noqa: PLW0603 - what a process is told once
    before, _is_tested = _is_tested, True
    try:
        yield
    finally:
        _is_tested = before


def check_untested() -> None:
    """Raise Refused where tests run: what they enqueue is not to come to where it is carried out."""
    if _is_tested:
        raise Refused(
            "No queue is in use in this test: give it the fixture `queue` or `mongo_queue`, or for the real one say "
            "`use_queue(Queue())`."
        )


def stand_at(uri: str, db: str) -> None:
    """Have this process, and those forked from it, be a worker's that is there."""
    global _place  # noqa: PLW0603 - what a process is told once
    _place = uri, db


def place_of(uri: str | None, db: str | None) -> tuple[str | None, str]:
    """Return the URI and the database of a queue of which this much is said; without a URI it is the local server's."""
    of_worker = _place if uri is None else None
    there, named = of_worker or (os.environ.get("QUEUECTL_URI") or None, os.environ.get("QUEUECTL_DB") or DEFAULT_DB)
    return there if uri is None else uri, named if db is None else db
