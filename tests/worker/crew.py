"""A supervisor in a process of its own with all its children, as `worker start` runs it; nothing of it stays behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from eventqueue.system.process import start_time
from eventqueue.worker.supervisor import Plan
from tests.patience import PATIENCE_S
from tests.worker.stage import wait_until

RUN = """
import logging, signal, sys, msgspec
from eventqueue.worker.supervisor import Plan, supervise
signal.signal(signal.SIGHUP, signal.Handlers[sys.argv[1]])  # also where the tests themselves run under nohup
logging.basicConfig(level=logging.WARNING, format="supervisor: %(message)s")
sys.exit(supervise(msgspec.json.decode(sys.stdin.readline(), type=Plan)))
"""


def children(pid: int) -> list[int]:
    """Return the children of a process, whichever of its threads started them."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError):
                found += map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    """Return all that came of a process and has not left it."""
    found = children(pid)
    return [*found, *(other for child in found for other in descendants(child))]


def command_line(pid: int) -> list[str]:
    """Return a process's command line; empty once it has gone."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    return []


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


class Crew:
    """A running supervisor, its children and what they say."""

    def __init__(self, plan: Plan, folder: Path, on_hangup: signal.Handlers = signal.SIG_DFL) -> None:
        folder.mkdir()
        self.plan = plan
        self._out, self._err = folder / "out", folder / "err"
        self._seen: dict[int, int | None] = {}  # everything that was ever seen running, by pid, with its start time
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", "-c", RUN, on_hangup.name],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        assert self.process.stdin
        self.process.stdin.write(msgspec.json.encode(plan) + b"\n")
        self.process.stdin.flush()

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self, event: str | None = None) -> list[dict[str, Any]]:
        """Return what its workers have said so far: all, or all events of a kind."""
        lines = self._out.read_bytes().split(b"\n")[:-1]
        words = b"" if event is None else f'"{event}"'.encode()  # asked again and again while thousands are told of
        told: list[dict[str, Any]] = [json.loads(line) for line in lines if words in line]
        return [one for one in told if event is None or one["event"] == event]

    def logged(self) -> str:
        """Return what supervisor and children have written to stderr so far."""
        return self._err.read_text()

    def count(self, words: bytes) -> int:
        """Return how often some words stand in what its workers have said."""
        return self._out.read_bytes().count(words)

    def await_said(self, event: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until an event was told so often, and return them all."""
        wait_until(lambda: len(self.said(event)) >= count or self.process.poll() is not None)
        told = self.said(event)
        assert len(told) >= count, f"the supervisor ended with {self.process.returncode}"
        return told

    def workers(self) -> dict[str, int]:
        """Return the pids of the workers that started last, by name; they need not live any more."""
        return {one["worker"]: one["pid"] for one in self.said("started")}

    def projector(self) -> int | None:
        """Return the pid of the child that is no worker and has come up, if there is one now."""
        workers = {one["pid"] for one in self.said("started")}
        others = [
            pid for pid in children(self.pid) if pid not in workers and "eventqueue.worker.child" in command_line(pid)
        ]
        return others[0] if len(others) == 1 else None

    def everything(self) -> list[int]:
        """Return the pids of all that runs below the supervisor, and keep them in mind for `leaves_nothing`."""
        pids = descendants(self.pid)
        self._seen.update({pid: start_time(pid) for pid in pids})
        return pids

    def leaves_nothing(self) -> bool:
        """Whether nothing that was seen by `everything` runs any more."""
        return not any(
            started and start_time(pid) == started and is_running(pid) for pid, started in self._seen.items()
        )

    def tell(self, signum: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal to the supervisor alone."""
        self.process.send_signal(signum)

    def tell_all(self, signum: signal.Signals) -> None:
        """Send a signal as a terminal does: to the supervisor's whole group."""
        os.killpg(self.pid, signum)

    def ends(self) -> int:
        """Wait until the supervisor has ended, and return its exit code."""
        return self.process.wait(PATIENCE_S)

    def clear_away(self) -> None:
        """Kill all of it; print what it said last, which pytest shows where a test fails."""
        print(f"exit code {self.process.poll()}", *self.said()[-20:], self._err.read_text()[-5000:], sep="\n")
        self.everything()
        self.process.kill()
        self.process.wait()
        assert self.process.stdin
        self.process.stdin.close()
        for pid, started in self._seen.items():
            if started and start_time(pid) == started:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        wait_until(self.leaves_nothing)


Start = Callable[..., Crew]


@contextmanager
def crews(uri: str, db: str, folder: Path) -> Iterator[Start]:
    """Yield what starts supervisors; all of them are cleared away at the end."""
    started: list[Crew] = []

    def start(*, on_hangup: signal.Handlers = signal.SIG_DFL, **fields: Any) -> Crew:
        plan = Plan(**{"uri": uri, "db": db, "count": 1, "as_json": True, **fields})
        started.append(Crew(plan, folder / f"crew-{len(started)}", on_hangup))
        return started[-1]

    try:
        yield start
    finally:
        for crew in started:
            crew.clear_away()
        # A projector that was killed may have left a transaction open, which keeps its locks for a minute.
        with MongoClient[dict[str, Any]](uri, timeoutMS=10_000) as client, suppress(PyMongoError):
            client.admin.command("killAllSessions", [])
