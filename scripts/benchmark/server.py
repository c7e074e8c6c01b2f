"""The mongod of a run: its own, on a Unix socket, gone with all its data afterwards."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from eventqueue.server import ensure_running, stop
from eventqueue.server.local import status


class Place(msgspec.Struct, frozen=True):
    """Where a run finds its server, and as which process it can be measured."""

    uri: str
    pid: int


@contextmanager
def server() -> Iterator[Place]:
    """Start a server with an empty home, as `queuectl` does; nothing is left of it."""
    home = Path(tempfile.mkdtemp(prefix="eq-bench-"))
    try:
        uri = ensure_running(home)
        running = status(home)
        assert running is not None
        yield Place(uri, running.pid)
    finally:
        stop(home)
        shutil.rmtree(home)
