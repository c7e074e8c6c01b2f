"""The worker's side of the launcher: orders shell commands, hears what became of them.

Every started run ends in exactly one `Ended`, whatever dies in between. The launcher may be killed at any time: what
ran in it is killed here, reported, and the next start brings up another launcher.
"""

import errno
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Self

from eventqueue.system.boottime import since_boot
from eventqueue.system.process import RUN_VARIABLE, is_alive, send_group, shared_environment
from eventqueue.worker.running.reports import Ended, Started, Written
from eventqueue.worker.running.runner import KILL_GRACE_S
from eventqueue.worker.shell import protocol
from eventqueue.worker.shell.strays import kill_marked

# A launcher that has not answered for so long, nor several times, hangs: in a directory of a dead file server, perhaps.
# Several, since a machine, or both processes, may have stood still meanwhile.
HANG_S, HANG_COUNT = 15.0, 3
ANSWER_S = 1.0  # for a launcher that is asked what a run has written
_GONE_WAIT_S = 1.0  # for one that was killed: what hangs in the kernel is not even ended by that
_REPLACED = " (was eventqueue replaced under this worker?)"
_CLOSE_WAIT_S = 3.0  # the launcher takes less than one; after that it is killed in turn

# Imports the launcher without running the packages around it, which may import anything.
_BOOT = """
import sys, types
root = sys.argv.pop(1)
for name in "eventqueue", "eventqueue.system", "eventqueue.worker", "eventqueue.worker.shell":
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [root + name.removeprefix("eventqueue").replace(".", "/")]
from eventqueue.worker.shell.launcher import main
main()
"""
_PACKAGE = str(Path(__file__).resolve().parents[2])

log = logging.getLogger(__name__)

Tails = tuple[Written, Written]
"""What a run has written to stdout and stderr."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellRun:
    """A command to run; `key` names this run among those that have not ended."""

    key: str
    command: str
    job_id: str
    attempt: int
    env: Mapping[str, str] = field(default_factory=dict)  # over the environment that the launcher started with
    cwd: str | None = None  # None: the directory that the launcher started in
    timeout_s: float | None = None


class Launcher:
    """Runs shell commands in a process of its own, which kills them if this one dies.

    `on_message` gets a `Started` and then an `Ended` for each run, or the `Ended` alone if it could not be started,
    in a thread of the launcher: it must not block for long, nor raise, nor call `close`; `start` and `kill` it may.
    All methods are thread-safe, and none but `close` waits for the launcher.
    """

    def __init__(self, on_message: Callable[[Started | Ended], None]) -> None:
        self._on_message = on_message
        self._lock = threading.Lock()
        self._is_closed = False
        self._until: float | None = None
        self._connection = _Connection(on_message, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The pid of the launcher process, or of the last one if it has died and nothing was started since."""
        return self._connection.pid

    def start(self, run: ShellRun) -> None:
        """Order `run`; what comes of it is told to `on_message`.

        Raises ValueError if a run of this key has not ended, and OSError if a launcher that died cannot be replaced.
        """
        with self._lock:
            if self._is_closed:
                raise ValueError("this launcher is closed")
            if self._connection.start(run):
                return
            self._connection = _Connection(self._on_message, self._until)
            if not self._connection.start(run):
                raise OSError(errno.EPIPE, "the process that starts commands died at once")

    def kill(self, key: str, grace_s: float = KILL_GRACE_S) -> None:
        """TERM the process group of run `key` and KILL what is left of it after `grace_s`; 0 is KILL at once.

        What still has the command's output open when the command itself ends has the rest of the grace, too. What
        left the group is not asked but killed at the end, if it still carries QUEUECTL_RUN in its environment.
        A key that is not running is ignored: its `Ended` is on the way.
        """
        self._connection.send(protocol.kill(key, grace_s))

    def extend(self, deadline_s: float) -> None:
        """Have all that runs killed, and nothing started, from `deadline_s` seconds on, unless extended again.

        The launcher sees to it by itself, so it holds for a worker that is stopped. Without a first call there is no
        deadline. One that no longer answers is killed here, with what runs in it.
        """
        with self._lock:
            self._until = since_boot() + deadline_s
            self._connection.extend(self._until)

    def so_far(self, key: str) -> Tails | None:
        """Return what run `key` has written by now; None where it does not run, or the launcher is silent for a second.

        Not to be called in the launcher's own thread, which brings the answer.
        """
        return self._connection.so_far(key)

    def close(self) -> None:
        """KILL all that runs, report it, and end the launcher. Takes a second at most, unless the launcher hangs."""
        with self._lock:
            self._is_closed = True
        self._connection.close()


class _Connection:
    """One launcher process from its start to its death, and the runs it has."""

    def __init__(self, on_message: Callable[[Started | Ended], None], until: float | None) -> None:
        self._on_message = on_message
        self._name = os.urandom(8).hex()
        self._socket, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = _spawn_launcher(theirs, self._name)
        except OSError:
            self._socket.close()
            raise
        self.pid = self._process.pid
        self._channel = protocol.Channel(self._socket.fileno())
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()  # over what follows, and what the channel sends
        self._runs: dict[str, Started | None] = {}
        self._asked: dict[str, list[SimpleQueue[Tails | None]]] = {}  # who waits for what a run has written
        self._is_over = self._is_given_up = self._has_answered = False
        self._unanswered: deque[float] = deque()  # when each `extend` was sent that has not been answered
        if until is not None:
            self.extend(until)
        self._thread = threading.Thread(target=self._listen, name="launcher", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # the same lack as that of a process, by another name
            self._process.kill()
            self._process.wait()
            self._socket.close()
            os.close(self._wake_fd)
            raise OSError(errno.EAGAIN, str(error)) from error

    def start(self, run: ShellRun) -> bool:
        """Order `run`; return False if this launcher has died, be it that nobody has buried it yet."""
        env = {**run.env, "QUEUECTL_JOB_ID": run.job_id, "QUEUECTL_ATTEMPT": str(run.attempt)}
        order = protocol.start(run.key, run.command, env, run.cwd, run.timeout_s)
        with self._lock:
            if self._is_over:
                return False
            if run.key in self._runs:
                raise ValueError(f"run {run.key!r} has not ended yet: give this one another key")
            self._runs[run.key] = None
            self._send(order)
            if not self._channel.is_heard:  # so it has not begun, and nothing of it was lost with the launcher
                del self._runs[run.key]
            return self._channel.is_heard

    def send(self, order: bytes) -> None:
        """Send an order that is pointless once the launcher has died."""
        with self._lock:
            if not self._is_over:
                self._send(order)

    def so_far(self, key: str) -> Tails | None:
        """Ask what a run has written by now, and wait a moment for the answer."""
        answer: SimpleQueue[Tails | None] = SimpleQueue()
        with self._lock:
            if self._is_over or self._runs.get(key) is None:
                return None
            self._asked.setdefault(key, []).append(answer)
            self._send(protocol.tell(key))
        try:
            return answer.get(timeout=ANSWER_S)
        except Empty:
            return None

    def extend(self, until: float) -> None:
        """Order the deadline; give a launcher up that has not answered the last ones."""
        now = time.monotonic()
        with self._lock:
            waiting = self._unanswered
            if len(waiting) >= HANG_COUNT and now - waiting[0] > HANG_S and not self._is_over:
                log.error("the launcher hangs: it is killed, with the %d commands that it runs", len(self._runs))
                self._is_given_up = True
                os.eventfd_write(self._wake_fd, 1)
            elif not self._is_over:
                waiting.append(now)
                self._send(protocol.extend(until))

    def close(self) -> None:
        """Hang up, and return once the launcher is gone and everything is reported."""
        with self._lock:
            if not self._is_over:
                self._socket.shutdown(socket.SHUT_WR)
        self._thread.join(_CLOSE_WAIT_S)
        if self._thread.is_alive():
            self._process.kill()
            self._thread.join()

    def _send(self, order: bytes) -> None:
        self._channel.send(order)
        if not self._channel.flush():
            # A launcher that does not read must not stop the worker: the listening thread sends the rest.
            os.eventfd_write(self._wake_fd, 1)

    def _listen(self) -> None:
        poll = select.poll()
        poll.register(self._wake_fd, select.POLLIN)
        while self._channel.is_open and not self._is_given_up:
            with self._lock:
                is_all_sent = self._channel.flush()
            poll.register(self._channel.fd, select.POLLIN if is_all_sent else select.POLLIN | select.POLLOUT)
            if self._wake_fd in dict(poll.poll()):
                os.eventfd_read(self._wake_fd)
            for message, blob in self._channel.receive():
                self._has_answered = True
                if message["type"] == protocol.HEARS:
                    continue
                if message["type"] == protocol.LIVES:
                    with self._lock:
                        self._unanswered.popleft()
                elif message["type"] == protocol.WRITTEN:
                    self._answer(message["key"], _tails(message, blob))
                else:
                    self._tell(_decoded(message, blob))
        self._bury()

    def _tell(self, message: Started | Ended) -> None:
        with self._lock:
            if isinstance(message, Started):
                self._runs[message.key] = message
            else:
                self._runs.pop(message.key, None)
        if isinstance(message, Ended):
            self._answer(message.key, None)
        try:
            self._on_message(message)
        except Exception:
            log.exception("on_message failed for run %s", message.key)

    def _answer(self, key: str, tails: Tails | None) -> None:
        with self._lock:
            asked = self._asked.pop(key, ())
        for one in asked:
            one.put(tails)

    def _bury(self) -> None:
        """The launcher has gone: kill what it may have left running, and report it."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GONE_WAIT_S)
        why = "hung" if self._is_given_up else "died"
        with self._lock:
            self._is_over = True
            lost = dict(self._runs)
            self._socket.close()
            os.close(self._wake_fd)
        if lost:
            self._kill_all(lost.values())
        is_none = not self._has_answered  # it has read no order: of what it was given nothing has begun
        is_by_itself = (self._process.returncode or -1) > 0
        problem = f"The launcher process {why}, so the command was killed."
        if is_none:
            problem = f"The launcher process {why} before it had heard anything{_REPLACED if is_by_itself else ''}."
        for key in lost:
            self._tell(Ended(key=key, problem=problem, no_runner=is_none))

    def _kill_all(self, runs: Collection[Started | None]) -> None:
        for run in runs:
            if run and is_alive(run.pid, *run.begun):
                send_group(run.pid, signal.SIGKILL)
        # Groups whose leader is gone, what left its group, and what had started without our hearing of it.
        kill_marked(RUN_VARIABLE, self._name + ".", with_groups=None in runs)


def _spawn_launcher(stdin: socket.socket, name: str) -> "subprocess.Popen[bytes]":
    # -I -S: neither the environment nor site-packages change what it imports; utf8: whatever the locale says, a
    # command is UTF-8. A session of its own: a terminal's Ctrl-C is for the worker, whose jobs may end in peace.
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-X", "utf8", "-c", _BOOT, _PACKAGE, str(os.getpid()), name],
        stdin=stdin.fileno(),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env=shared_environment(),
    )


def _decoded(message: dict[str, Any], blob: bytes) -> Started | Ended:
    if message.pop("type") == "started":
        earliest, latest = message.pop("begun")
        return Started(**message, begun=(earliest, latest))
    stdout, stderr = _tails(message, blob)
    return Ended(**message, stdout=stdout, stderr=stderr)


def _tails(message: dict[str, Any], blob: bytes) -> Tails:
    split = message.pop("split")
    out_total, err_total = message.pop("totals")
    return Written(blob[:split], out_total), Written(blob[split:], err_total)
