"""A MongoDB for the tests of one session: one that is named, or a local one that ends with the session.

The local one has a keeper, a process that ends it when its own standard input closes: also when the tests are killed,
nothing stays behind.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from eventqueue.errors import LocalServerFailed
from eventqueue.server import ensure_running, stop
from eventqueue.server.locate import locate

URI = "QUEUECTL_TEST_URI"
FAILED = "failed: "
# For many databases, each dropped after its test: a drop waits for the journal, by default 100 ms (written every 2 ms,
# that takes 4 % of a processor, every 10 ms 1 %), and the files of what was dropped stay open while its history is
# kept, by default five minutes, and until the next checkpoint.
QUICK = ("--journalCommitInterval", "10", "--setParameter", "minSnapshotHistoryWindowInSeconds=30")


def where(environ: Mapping[str, str]) -> str | None:
    """Return why there can be no server here, and what to do; None where there can be one."""
    if environ.get(URI):
        return None
    try:
        locate(environ)
    except LocalServerFailed as error:
        return f"{URI} names no server, and none can be started: {error}"
    return None


@contextmanager
def serving(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the URI of the server of the tests. Raises LocalServerFailed where it does not start."""
    if uri := environ.get(URI):
        yield uri
        return
    keeper = subprocess.Popen(
        [sys.executable, "-P", "-c", f"from {__name__} import keep; keep()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**environ, "PYTHONPATH": os.pathsep.join(sys.path)},  # wherever the tests have it from
        start_new_session=True,  # a Ctrl-C is for the tests, which then close the keeper's input
    )
    assert keeper.stdin
    assert keeper.stdout
    try:
        told = keeper.stdout.readline().strip()
        if not told or told.startswith(FAILED):
            raise LocalServerFailed(told.removeprefix(FAILED) or "The server of the tests did not start.")
        yield told
    finally:
        keeper.stdin.close()
        keeper.wait()
        keeper.stdout.close()


def keep() -> None:
    """Start a server in a new home, print its URI, and end it once standard input is at its end: the keeper's part."""
    home = Path(tempfile.mkdtemp(prefix="eq-"))  # a short path: a socket's name has 107 bytes at most
    try:
        print(ensure_running(home, QUICK), flush=True)  # noqa: T201 - to whom has started it
        sys.stdin.read()
    except LocalServerFailed as error:
        print(f"{FAILED}{error}", flush=True)  # noqa: T201 - likewise
    finally:
        stop(home)
        shutil.rmtree(home, ignore_errors=True)
