"""Projectors and users in processes of their own, which can be killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]

PROJECT = """
import signal, sys, threading
from eventqueue.connect import connect, make_projector

stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
make_projector(connect(sys.argv[1], sys.argv[2], "test")).run(stop)
"""

ENQUEUE = """
import sys
from eventqueue.api.queue import Queue

with Queue(sys.argv[1], sys.argv[2]) as queue:
    for number in range(int(sys.argv[4])):
        queue.enqueue(command="true", id=f"{sys.argv[3]}-{number}")
"""

LIST = """
import sys
from eventqueue.api.queue import Queue
from eventqueue.ports.views import Filter

with Queue(sys.argv[1], sys.argv[2]) as queue:
    listing = queue.list(Filter(limit=None))
    print(*(job.id for job in listing.jobs))
    sys.exit(0 if listing.lag.is_fresh else 3)
"""

WAIT_FOR = """
import sys
from eventqueue.api.queue import Queue

with Queue(sys.argv[1], sys.argv[2]) as queue:
    queue.wait_for(queue.enqueue(command="true", id=sys.argv[3]), timeout=60)
"""


def run(script: str, uri: str, db: str, *arguments: str) -> str:
    """Run a script to its end; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", script, uri, db, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


class ProjectorProcess:
    """A projector that runs from its making until it is killed or stopped."""

    def __init__(self, uri: str, db: str) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", PROJECT, uri, db], cwd=ROOT)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def kill(self) -> None:
        """End it as a crash would, also if it stands still."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> int:
        """Have it end in order; return its exit code."""
        self._process.terminate()
        return self._process.wait()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@contextmanager
def projector_process(uri: str, db: str) -> Iterator[ProjectorProcess]:
    """Yield a projector process; nothing of it is left after the block."""
    process = ProjectorProcess(uri, db)
    try:
        yield process
    finally:
        process.kill()
