"""Where a queue is of which nobody says so: where the worker is whose process this is, or as the environment says."""

import os

DEFAULT_DB = "queuectl"

_place: tuple[str, str] | None = None  # of the worker


def stand_at(uri: str, db: str) -> None:
    """Have this process, and those forked from it, be a worker's that is there."""
    global _place  # noqa: PLW0603 - what a process is told once
    _place = uri, db


def place_of(uri: str | None, db: str | None) -> tuple[str | None, str]:
    """Return the URI and the database of a queue of which this much is said; without a URI it is the local server's."""
    of_worker = _place if uri is None else None
    there, named = of_worker or (os.environ.get("QUEUECTL_URI") or None, os.environ.get("QUEUECTL_DB") or DEFAULT_DB)
    return there if uri is None else uri, named if db is None else db
