"""The local server's life: found running, started, stopped.

There is one server a home: every change is made under the start lock, and a mongod is ours to use or to stop only if
it holds this home's data open (see `processes`).
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from eventqueue.errors import LocalServerFailed
from eventqueue.server import record as records
from eventqueue.server.deadline import Deadline, start_lock, wait_until
from eventqueue.server.genuine import check_once
from eventqueue.server.homedir import HomeDir
from eventqueue.server.launch import launch
from eventqueue.server.locate import is_embedded, locate
from eventqueue.server.processes import Process, holder, is_free
from eventqueue.server.record import Record
from eventqueue.server.replica_set import make_writable
from eventqueue.server.sockets import choose, listener, tidy, uri

START_TIMEOUT = timedelta(seconds=30)
STOP_TIMEOUT = timedelta(seconds=30)


@dataclass(frozen=True)
class LocalServer:
    """A local server that runs."""

    uri: str
    data: Path
    version: str
    pid: int


def ensure_running(home: Path, extra: Sequence[str] = ()) -> str:
    """Return the URI of the server of `home`, starting it first if need be; any number of processes may ask at once.

    `extra` are further arguments of mongod's, used only if this call starts it.
    Raises LocalServerFailed, saying why and what to do.
    """
    if running := status(home):
        return running.uri
    place = HomeDir.at(home)
    with place.explained():
        place.prepare()
        with start_lock(place.lock, Deadline.after(START_TIMEOUT)):
            running = status(home) or _start(place, extra, Deadline.after(START_TIMEOUT))
    return running.uri


def status(home: Path) -> LocalServer | None:
    """Return the server of `home` if it runs and has been seen writable; takes no lock and writes nothing.

    Raises LocalServerFailed where the home is not this user's alone, whoever runs there.
    """
    place = HomeDir.at(home)
    with place.explained():
        place.check()
    record = records.read(place)
    if record is None or record.process is None:
        return None
    process = record.process
    if listener(record.socket) != process.pid or not process.holds(place.data):
        return None
    return LocalServer(uri(record.socket), place.data, record.version, process.pid)


def stop(home: Path, timeout: timedelta = STOP_TIMEOUT) -> bool:
    """Stop the server of `home` cleanly and wait until it is gone; return False if none was running.

    Raises LocalServerFailed if it is not gone after `timeout`.
    """
    place = HomeDir.at(home)
    with place.explained():
        place.check()
    if holder(place.data) is None:
        return False
    deadline = Deadline.after(timeout)
    with place.explained(), start_lock(place.lock, deadline):
        running = holder(place.data)
        if running is None:
            return False
        _end(running, place, deadline)
        if socket := records.recorded_socket(place, records.read(place)):
            tidy(socket)
    return True


def _start(home: HomeDir, extra: Sequence[str], deadline: Deadline) -> LocalServer:
    """Bring the server up from whatever was left behind; the start lock is held."""
    record = records.read(home)
    process = holder(home.data)
    socket = _socket_of(process, home) if process else ""
    if process and not _is_reachable(process, socket, record, home, deadline):
        _end(process, home, deadline)
        process = None
    if process is None:
        socket = _place(home, record, deadline)
        process = _launch(home, socket, extra, deadline)
    version = make_writable(process, socket, home.log, deadline)
    records.write(home, Record(records.name(home), socket, process, version))
    return LocalServer(uri(socket), home.data, version, process.pid)


def _is_reachable(running: Process, socket: str, record: Record | None, home: HomeDir, deadline: Deadline) -> bool:
    """Wait for a server that is still starting; False where it has ended, or its socket is lost (deleted, moved away).

    Raises LocalServerFailed where it does not listen before the deadline.
    """
    if record and record.process == running:  # it did listen: what is not there now will not come
        return listener(socket) == running.pid
    if not wait_until(lambda: listener(socket) == running.pid or not running.is_alive, deadline):
        raise LocalServerFailed(
            f"The local mongod (pid {running.pid}) has not been listening for {deadline} (recovering, perhaps: "
            f"see {home.log}): try again, or stop it with `queuectl db stop`."
        )
    return running.is_alive


def _place(home: HomeDir, record: Record | None, deadline: Deadline) -> str:
    """Return where the next server is to listen, and record it; wait for the data to be free of the last one first."""
    if not wait_until(lambda: is_free(home.data), deadline):
        raise LocalServerFailed(
            f"Another process has {home.data} in use (fuser {home.data}/mongod.lock): stop it first."
        )
    socket = choose(home, records.recorded_socket(home, record))
    records.write(home, Record(records.name(home), socket))
    return socket


def _launch(home: HomeDir, socket: str, extra: Sequence[str], deadline: Deadline) -> Process:
    mongod = locate(os.environ)
    if is_embedded(mongod):
        check_once(mongod, home)
    launch(mongod, home, socket, extra, deadline)
    process = holder(home.data)
    if process is None:
        raise LocalServerFailed(f"mongod ended as soon as it had started (see {home.log}): try again.")
    return process


def _socket_of(process: Process, home: HomeDir) -> str:
    """Return where `process` was told to listen, asked of itself since the record may be lost; "" once it is ending.

    Raises LocalServerFailed where it is not one that this package started.
    """
    socket = process.argument("--bind_ip") or ""
    if process.command and not socket.startswith("/"):
        raise LocalServerFailed(
            f"Process {process.pid}, which queuectl did not start, has {home.data} in use: stop it first."
        )
    return socket


def _end(process: Process, home: HomeDir, deadline: Deadline) -> None:
    _socket_of(process, home)  # ours alone is ours to stop
    if not process.terminate(deadline):
        raise LocalServerFailed(
            f"The local mongod (pid {process.pid}) has not stopped within {deadline} (see {home.log}): try again."
        )
