"""What a worker tells the person at the terminal: a line when a job begins and one when it ends.

As text or, with `--json`, as one JSON object a line. Where no person watches, each line has its time and host: it will
be read later, beside those of other machines. Whoever is told is never waited for: see `outlet`.
"""

import os
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from eventqueue.model.events import Cancelled, Completed, DeadLettered, Error, Event, Failed, Released, task_of, type_of
from eventqueue.model.figures import instant
from eventqueue.model.job import Job
from eventqueue.system.outlet import Outlet
from eventqueue.system.printable import clean, clean_json, clean_output

GREEN, RED, YELLOW, DIM, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"


def _now() -> datetime:
    return datetime.now(UTC)  # this machine's, as all else in its logs has it


class Narrator:
    """Tells what the worker called `name` on `host` does, on stdout."""

    def __init__(
        self,
        name: str,
        *,
        as_json: bool,
        quiet: bool,
        host: str | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._name = name
        self._host = socket.gethostname() if host is None else host
        self._now = now
        self._as_json = as_json
        self._quiet = quiet
        self._outlet = Outlet(sys.stdout.fileno(), self._lost)
        self._is_watched = sys.stdout.isatty()
        self._colours = not as_json and self._is_watched and not os.environ.get("NO_COLOR")

    def say(self, what: str, text: str, colour: str = "", **facts: object) -> None:
        """Tell one thing: `what` and `facts` for machines, `text` for people."""
        if self._is_silent:
            return
        if self._as_json:
            line = clean_json(msgspec.json.encode({"event": what, **self._whence, **facts}).decode())
        else:
            line = clean(f"{self._stamp}Worker {self._name} {text}")
            line = f"{colour}{line}{PLAIN}" if self._colours and colour else line
        self._outlet.put(f"{line}\n".encode(errors="backslashreplace"))

    def close(self) -> None:
        """Let what was told last be read, see Outlet.close."""
        self._outlet.close()

    def _lost(self, lines: int) -> bytes:
        """Return the line that tells of those that nobody read."""
        if self._as_json:
            return msgspec.json.encode({"event": "unread", **self._whence, "lines": lines}) + b"\n"
        return f"{self._stamp}Worker {self._name} {lines:,} lines were not shown: nobody read them\n".encode()

    @property
    def _whence(self) -> dict[str, str]:
        return {"at": instant(self._now()), "host": self._host, "worker": self._name}

    @property
    def _stamp(self) -> str:
        return "" if self._is_watched else f"{instant(self._now())} {self._host} "

    @property
    def _is_silent(self) -> bool:
        return self._quiet and not self._as_json

    def executing(self, job: Job) -> None:
        """Tell that a job's run begins."""
        if self._is_silent:
            return
        self.say("executing", f"executing job {job.id}{_of_task(job)}", job=job.id, attempt=job.attempts)

    def wrote(self, job_id: str, stream: str, line: bytes) -> None:
        """Tell a line that a job has written; of its colours none goes beyond it."""
        text = line.decode(errors="backslashreplace").removesuffix("\r")
        if self._as_json:
            self.say("wrote", "", job=job_id, stream=stream, line=text)
        else:
            shown = clean_output(text) if self._colours else clean(text.expandtabs())
            self._outlet.put(f"{clean(job_id)} | {shown}\n".encode(errors="backslashreplace"))

    def settled(self, job: Job, events: list[Event], now: datetime) -> None:
        """Tell how a job's claim was settled; `job` as it was before."""
        if self._is_silent:
            return
        last, first = events[-1], events[0]
        text, colour = _describe(job, first, last, now)
        facts = {"exit_code": first.exit_code} if isinstance(first, Completed | Failed) else {}
        self.say(
            type_of(last), f"job {job.id}{_of_task(job)} {text}", colour, job=job.id, attempt=job.attempts, **facts
        )


def _describe(job: Job, first: Event, last: Event, now: datetime) -> tuple[str, str]:
    match first, last:
        case Completed(duration=duration), _:
            return f"completed in {duration or 0:.1f} s", GREEN
        case Failed(error=error), DeadLettered():
            return f"{_failed(error)}; dead after {_times(job.failures + 1)}", RED
        case Failed(error=error, retry_at=datetime() as at), _:
            wait = max(0.0, (at - now).total_seconds())
            return f"{_failed(error)}; retry {job.failures + 1} of {job.max_retries} in {wait:.3g} s", YELLOW
        case Released(reason=reason), _:
            return f"released: {reason}", DIM
        case Cancelled(why=why), _:
            return f"cancelled: {why}", DIM
        case _:
            return type_of(last), DIM


def _of_task(job: Job) -> str:
    """Return which Python task a job runs; a command may be as long as it likes, and hold what is secret."""
    task = task_of(job.run)
    return "" if task is None else f" ({task})"


def _failed(error: Error) -> str:
    if error.type == "exit-code":
        return f"failed with {error.message}"
    return f"failed: {error.told.rstrip('.')}"


def _times(attempts: int) -> str:
    return "1 attempt" if attempts == 1 else f"{attempts} attempts"
