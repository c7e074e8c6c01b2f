"""Processes: signalling one, and reading in /proc who lives and whose it is.

A pid alone names nobody for long, since the kernel hands it out again. What names a process here is its pid *and* its
start time, or that it is a child not reaped yet, or a pidfd. Linux only; stdlib only, since the launcher imports this.
"""

from __future__ import annotations

import os
import signal

RUN_VARIABLE = "QUEUECTL_RUN"  # names the run that a process belongs to, through any number of forks and sessions
# How a worker reaches the database, with a password perhaps: no job's business, unless its own env says so.
# Nor where the key lies that seals are signed with, nor by what tokens one may act on the page.
PRIVATE = (
    "QUEUECTL_URI",
    "QUEUECTL_DB",
    "QUEUECTL_HOME",
    "QUEUECTL_MONGOD",
    "QUEUECTL_SEAL_KEY",
    "QUEUECTL_WEB_TOKEN",
    "QUEUECTL_WEB_VIEWER_TOKEN",
)


def shared_environment() -> dict[str, str]:
    """Return what a process that is started from here may inherit: a job reads its parents' environment in /proc."""
    return {name: value for name, value in os.environ.items() if name not in PRIVATE}


def start_time(pid: int) -> int | None:
    """Return when `pid` started, in clock ticks since boot, or None if there is no such process."""
    stat = _stat(pid)
    return int(stat[19]) if stat else None


def is_alive(pid: int, started: int, latest: int | None = None) -> bool:
    """Return whether the process `pid` that started at `started`, or up to `latest`, still runs; a zombie does not."""
    stat = _stat(pid)
    return bool(stat) and started <= int(stat[19]) <= (latest or started) and stat[0] not in (b"Z", b"X")


def dead_child(pid: int | None = None) -> int:
    """Return a dead child, any or the one asked for, and leave it a zombie; 0 if there is none."""
    kind = os.P_ALL if pid is None else os.P_PID
    try:
        child = os.waitid(kind, pid or 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return 0
    return child.si_pid if child else 0


def variable(pid: int, name: str) -> str | None:
    """Return environment variable `name` as it was when `pid` started its program; None if unset or unreadable."""
    prefix = os.fsencode(name) + b"="
    for entry in _read(f"/proc/{pid}/environ").split(b"\0"):
        if entry.startswith(prefix):
            return os.fsdecode(entry[len(prefix) :])
    return None


def signal_name(number: int) -> str:
    """Return what a signal is called; those for real-time use have numbers alone."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def send(pid: int, signum: int) -> None:
    """Signal one process that cannot have been replaced; one that is gone or another user's is left."""
    try:
        os.kill(pid, signum)
    except (ProcessLookupError, PermissionError):
        return


def send_group(pgid: int, signum: int) -> None:
    """Signal a group that cannot have been replaced; one that is gone or another user's is left."""
    try:
        os.killpg(pgid, signum)
    except (ProcessLookupError, PermissionError):
        return


def _stat(pid: int) -> list[bytes]:
    """Return the fields of /proc/<pid>/stat from the third on; empty if there is no such process."""
    # The second, the program's name in brackets, may itself hold spaces and brackets.
    return _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return b""
