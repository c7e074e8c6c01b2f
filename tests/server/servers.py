"""What the tests of the local server do to one: begin it elsewhere, kill it, wait, and clear it away."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.write_concern import WriteConcern

from eventqueue.server import LocalServer, ensure_running, status
from eventqueue.server.deadline import Deadline, wait_until
from eventqueue.server.homedir import HomeDir
from eventqueue.server.processes import find, holder, is_free
from eventqueue.server.record import read
from tests.patience import PATIENCE_S

START = "import sys, pathlib, eventqueue.server as s; print(s.ensure_running(pathlib.Path(sys.argv[1])))"


def await_that(condition: Callable[[], bool]) -> None:
    assert wait_until(condition, Deadline.after(timedelta(seconds=PATIENCE_S)))


def connect(uri: str) -> "MongoClient[dict[str, Any]]":
    return MongoClient(uri, timeoutMS=10_000)


def store(uri: str, value: str) -> None:
    """Insert one document and have it acknowledged by a majority, journaled."""
    with connect(uri) as client:
        client.test.get_collection("kept", write_concern=WriteConcern("majority", j=True)).insert_one({"_id": value})


def stored(uri: str) -> list[str]:
    with connect(uri) as client:
        return sorted(document["_id"] for document in client.test.kept.find())


def started(home: Path) -> LocalServer:
    ensure_running(home)
    server = status(home)
    assert server
    return server


def kill(home: Path) -> None:
    """End the home's mongod as a crash would, and wait until the data are free."""
    server = holder(HomeDir.at(home).data)
    assert server
    os.kill(server.pid, signal.SIGKILL)
    await_that(lambda: find(server.pid) != server and is_free(HomeDir.at(home).data))


def start_elsewhere(home: Path) -> "subprocess.Popen[str]":
    """Begin `ensure_running` in another process, which prints the URI."""
    return subprocess.Popen([sys.executable, "-c", START, str(home)], stdout=subprocess.PIPE, text=True)


def uri_from(process: "subprocess.Popen[str]") -> str:
    printed, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    return printed.strip()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock on a file, as another process would."""
    with path.open("r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def is_locked(path: Path) -> bool:
    try:
        with locked(path):
            return False
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True


def servers_on(home: Path) -> list[int]:
    """The pids of all processes that were started on the home's data."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    running = [process for process in map(find, pids) if process]
    return [process.pid for process in running if process.argument("--dbpath") == str(HomeDir.at(home).data)]


def clear_away(home: Path) -> None:
    """Leave nothing of the home's server: no process, and no directory in /tmp."""
    place = HomeDir.at(home)
    record = read(place)
    if holder(place.data):
        kill(home)
    if record and record.socket.startswith("/tmp/queuectl-"):
        shutil.rmtree(Path(record.socket).parent, ignore_errors=True)
