"""Which process is the server of a home: the one that holds that home's data open.

A pid alone proves nothing, nor does a pid with its start time: a copied home carries the record of the original's live
server. What cannot be copied is the open file: mongod keeps `mongod.lock` open and flocked while it uses the data.
"""

import fcntl
import os
import signal
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import msgspec

from eventqueue.server.deadline import Deadline, wait_until
from eventqueue.system.process import is_alive, start_time


class Process(msgspec.Struct, frozen=True):
    """One process, and never another that later gets its pid."""

    pid: int
    started: int  # clock ticks from boot to its start

    @property
    def is_alive(self) -> bool:
        """Whether it still runs; a zombie does not."""
        return find(self.pid) == self

    def holds(self, data: Path) -> bool:
        """Whether it is the mongod that has the dbpath `data` open. False too where /proc does not let us look."""
        with suppress(OSError):
            lock = os.stat(data / "mongod.lock")
            with os.scandir(f"/proc/{self.pid}/fd") as files:
                return any(_is(file, lock) for file in files)
        return False

    @property
    def command(self) -> list[str]:
        """Its command line; empty once it is ending."""
        with suppress(OSError):
            return [os.fsdecode(word) for word in Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")[:-1]]
        return []

    def argument(self, name: str) -> str | None:
        """Return what follows `name` in its command line, or None."""
        return next((value for option, value in pairwise(self.command) if option == name), None)

    def terminate(self, deadline: Deadline) -> bool:
        """Ask it to end, and wait; return whether it ended before the deadline."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        return wait_until(lambda: not self.is_alive, deadline)


def find(pid: int) -> Process | None:
    """Return the process that has `pid` now, or None if there is none or it is a zombie."""
    started = start_time(pid)
    return Process(pid, started) if started is not None and is_alive(pid, started) else None


def holder(data: Path) -> Process | None:
    """Return the mongod that runs on the dbpath `data`, or None.

    mongod writes its pid into `mongod.lock` itself, so it is found even where its starter died before recording it.
    One that is ending by a signal is None too, though it may hold the data for a moment yet: see `is_free`.
    """
    try:
        process = find(int((data / "mongod.lock").read_bytes()))
    except (OSError, ValueError):  # no such file; empty after a clean end
        return None
    return process if process and process.holds(data) and process.command else None


def is_free(data: Path) -> bool:
    """Return whether no mongod has the dbpath `data` locked.

    To be asked under the start lock only: it takes that lock for an instant, at which a mongod would fail to start.
    """
    try:
        file = os.open(data / "mongod.lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True


def _is(file: "os.DirEntry[str]", other: os.stat_result) -> bool:
    try:
        return os.path.samestat(file.stat(), other)
    except OSError:  # closed since it was listed
        return False
