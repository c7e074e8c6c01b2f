"""A mongod for as long as a `with` lasts, started and ended by a keeper process of its own.

The keeper ends its server when its standard input closes: also when the tests are killed, nothing stays behind.
"""

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import environ
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from pymongo import MongoClient

from eventqueue.server import ensure_running, status
from eventqueue.server.locate import locate
from eventqueue.testing.servers import QUICK

ROOT_PASSWORD = "only-for-tests"
# Where there is room for it, data that nobody wants lies in memory: each test makes a database of dozens of files,
# which takes longer than what most tests are about.
MEMORY, ROOM = Path("/dev/shm"), 6 << 30  # bytes; a server of a whole run takes less than one


@contextmanager
def running(*extra: str, guarded: bool = False) -> Iterator[str]:
    """Yield the URI of a new server; `extra` is for mongod. Guarded: access is checked, and the URI is root's."""
    kind = "guarded" if guarded else "open"
    keeper = subprocess.Popen(
        [sys.executable, "-P", __file__, kind, *QUICK, *extra],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a Ctrl-C is for the tests, which then close the keeper's input
    )
    assert keeper.stdin
    assert keeper.stdout
    try:
        uri = keeper.stdout.readline().strip()
        assert uri, "the server did not start: see what its keeper printed"
        yield uri
    finally:
        keeper.stdin.close()
        keeper.wait()
        keeper.stdout.close()


def new_home() -> Path:
    """Make a directory for a server, in memory if it is a small part of what is left of it."""
    has_room = MEMORY.is_dir() and min(shutil.disk_usage(MEMORY).free, memory_left()) >= ROOM
    return Path(tempfile.mkdtemp(prefix="eq-", dir=MEMORY if has_room else None))


def memory_left() -> int:
    """Return how many bytes of memory processes may still take before the machine is short of it."""
    (kilobytes,) = re.findall(r"^MemAvailable: *(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(kilobytes) * 1024


def keep(kind: str, home: Path, extra: Sequence[str]) -> None:
    try:
        if kind == "guarded":
            keep_guarded(home, extra)
        else:
            print(ensure_running(home, extra), flush=True)
            sys.stdin.read()
    finally:
        if (server := status(home)) is not None:
            kill(server.pid)
        shutil.rmtree(home)


def kill(pid: int) -> None:
    """End a server whose data nobody wants: in good order it would first write all of it, for up to half a minute."""
    process = os.pidfd_open(pid)
    signal.pidfd_send_signal(process, signal.SIGKILL)
    select.select([process], [], [])  # it is no child of ours
    os.close(process)


def keep_guarded(home: Path, extra: Sequence[str]) -> None:
    """As `ensure_running`, which knows no servers with a password."""
    data, socket, key = home / "data", home / "mongod.sock", home / "key"
    data.mkdir()
    key.write_text("key" * 10)
    key.chmod(0o600)
    where = ["--dbpath", str(data), "--logpath", str(home / "log"), "--bind_ip", str(socket), "--nounixsocket"]
    mongod = subprocess.Popen(
        [locate(environ), *where, "--replSet", "rs0", "--keyFile", key, "--wiredTigerCacheSizeGB", "0.25", *extra],
        stdout=subprocess.DEVNULL,
    )
    try:
        host = quote_plus(str(socket))
        with MongoClient[dict[str, Any]](f"mongodb://{host}/?directConnection=true") as client:
            member = {"_id": 0, "host": str(socket)}
            client.admin.command({"replSetInitiate": {"_id": "rs0", "members": [member]}})
        # By its name: such a client waits until there is a primary.
        with MongoClient[dict[str, Any]](f"mongodb://{host}/?replicaSet=rs0") as client:
            client.admin.command("createUser", "root", pwd=ROOT_PASSWORD, roles=["root"])
        print(f"mongodb://root:{ROOT_PASSWORD}@{host}/?directConnection=true", flush=True)
        sys.stdin.read()
    finally:
        mongod.kill()
        mongod.wait()


if __name__ == "__main__":
    keep(sys.argv[1], new_home(), sys.argv[2:])
