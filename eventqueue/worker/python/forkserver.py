"""The worker's side of its fork server: starting one, waiting for its modules, and what goes to and fro."""

import os
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from eventqueue.errors import ImportFailed, Refused
from eventqueue.system.process import RUN_VARIABLE, shared_environment, signal_name
from eventqueue.tasks.planned import Planned
from eventqueue.worker.python.messages import (
    Boot,
    Extend,
    Fork,
    FromForkServer,
    Known,
    Lives,
    Plans,
    Ready,
    Strike,
    Unimportable,
    encoder,
    from_fork_server,
)
from eventqueue.worker.python.plan import PythonPlan
from eventqueue.worker.shell.strays import kill_marked

# One that has not answered for so long, nor several times, hangs; see the launcher.
HANG_S, HANG_COUNT = 15.0, 3
PATIENCE_S = 5.0  # between two words about modules that take their time

_GONE_WAIT_S = 1.0
_CLOSE_WAIT_S = 3.0
_PACKET_BYTES = 256 * 1024
_PRINTED_BYTES = 64 * 1024
_MAIN = "from eventqueue.worker.python.zygote import main; main()"


class ForkServer:
    """One fork server process, from its start to its death. Not safe across threads.

    It dies with the thread that starts it, until its modules are imported. Raises OSError where it cannot be started.
    """

    def __init__(self, plan: PythonPlan) -> None:
        self.plan = plan
        self.name = os.urandom(8).hex()
        self.tasks: dict[str, bool] = {}  # by name, aliases too: whether it is async
        self.planned: list[Planned] = []
        self.is_ready = False
        self.threads = 1  # that it has once it is ready
        self._unsent: deque[tuple[bytes, tuple[int, ...]]] = deque()
        self._unanswered: deque[float] = deque()  # when each `extend` was sent that has not been answered
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.printed_fd, writable = os.pipe()  # what modules print, and tasks of which nobody knows which
        for fd in self.printed_fd, writable:
            os.set_blocking(fd, False)
        try:
            with theirs:
                self._process = _spawn(theirs, writable, self.name)
        except OSError:
            self.channel.close()
            os.close(self.printed_fd)
            raise
        finally:
            os.close(writable)
        boot = Boot(self.name, os.getpid(), plan.imports, plan.import_path, plan.threads, plan.uri, plan.db)
        with suppress(OSError):  # it has died: that is found when it is heard
            self.channel.send(encoder.encode(boot))
        self.channel.setblocking(False)

    def await_ready(self, say: Callable[[str], object], printed: Callable[[bytes], object], given_up_fd: int) -> bool:
        """Return once its modules are imported; False as soon as `given_up_fd` is readable.

        `say` hears now and then what is waited for, `printed` what they print.
        Raises Refused where one cannot be imported.
        """
        since = time.monotonic()
        poll = select.poll()
        for fd in self.channel.fileno(), self.printed_fd, given_up_fd:
            poll.register(fd, select.POLLIN)
        while not self.is_ready:
            ready = {fd for fd, _ in poll.poll(PATIENCE_S * 1000)}
            if given_up_fd in ready:
                return False
            if self.printed_fd in ready and not self.pass_on(printed):
                poll.unregister(self.printed_fd)
            if not ready:
                say(f"importing {', '.join(self.plan.imports)} takes its time: {time.monotonic() - since:.0f} s so far")
            if self.channel.fileno() in ready:
                try:
                    for _ in self.hear():
                        pass
                finally:
                    self.pass_on(printed)  # what stands before the news of an end explains it, perhaps
        return True

    def pass_on(self, printed: Callable[[bytes], object]) -> bool:
        """Have `printed` hear what was printed since; False where nothing will come any more."""
        try:
            chunk = os.read(self.printed_fd, _PRINTED_BYTES)
        except BlockingIOError:
            return True
        if chunk:
            printed(chunk)
        return bool(chunk)

    def hear(self) -> Iterator[FromForkServer]:
        """Yield what it says now. Raises Refused where a module cannot be imported, EOFError once it is gone."""
        while True:
            try:
                packet = self.channel.recv(_PACKET_BYTES)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                if self.is_ready:
                    raise EOFError
                raise ImportFailed(", ".join(self.plan.imports), self._how_it_ended())
            match from_fork_server.decode(packet):
                case Known(tasks=tasks):
                    self.tasks.update(tasks)
                case Plans(schedule=schedule):
                    self.planned.append(schedule)
                case Ready(threads=threads):
                    self.is_ready, self.threads = True, threads
                case Unimportable(why=why):
                    raise Refused(why)
                case Lives():
                    self._unanswered.popleft()
                case other:
                    yield other

    # Orders

    def fork(self, serial: int, theirs: Sequence[int]) -> None:
        """Order a child, which is given the descriptors `theirs`; they are closed here once they are sent."""
        self._unsent.append((encoder.encode(Fork(serial)), tuple(theirs)))
        self.flush()

    def strike(self, serial: int) -> None:
        """Have a child killed."""
        self._unsent.append((encoder.encode(Strike(serial)), ()))
        self.flush()

    def extend(self, until: float) -> bool:
        """Order that all be killed at `until`, in time since boot; False where it has not answered the last ones."""
        now, waiting = time.monotonic(), self._unanswered
        if len(waiting) >= HANG_COUNT and now - waiting[0] > HANG_S:
            return False
        waiting.append(now)
        self._unsent.append((encoder.encode(Extend(until)), ()))
        self.flush()
        return True

    def flush(self) -> bool:
        """Send what it takes now; whether all is gone."""
        try:
            while self._unsent:
                packet, fds = self._unsent[0]
                socket.send_fds(self.channel, [packet], fds)
                self._forget_first()
        except BlockingIOError:
            return False
        except OSError:  # it has died
            while self._unsent:
                self._forget_first()
        return True

    def _forget_first(self) -> None:
        for fd in self._unsent.popleft()[1]:
            os.close(fd)

    # Its end

    def hang_up(self) -> None:
        """Tell it to kill everything and go."""
        with suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)

    def await_end(self) -> None:
        """Return once it has ended, as it was told to; it is killed where it does not."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_CLOSE_WAIT_S)
        self.bury()

    def bury(self) -> None:
        """Kill it, if it is still there, with its children and what they have left."""
        self._process.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GONE_WAIT_S)
        kill_marked(RUN_VARIABLE, self.name + ".", with_groups=True)
        self.channel.close()
        os.close(self.printed_fd)
        while self._unsent:
            self._forget_first()

    def _how_it_ended(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GONE_WAIT_S)
        code = self._process.returncode
        how = "was killed" if code is None else f"killed by {signal_name(-code)}" if code < 0 else f"exit code {code}"
        return f"the process that imports ended meanwhile ({how})."


def _spawn(stdin: socket.socket, printed_fd: int, name: str) -> "subprocess.Popen[bytes]":
    outer = os.environ.get(RUN_VARIABLE)
    mark = f"{name}.0"
    # A session of its own: a terminal's Ctrl-C is for the supervisor. -P as for the worker itself.
    return subprocess.Popen(
        [sys.executable, "-P", "-X", "utf8", "-c", _MAIN],
        stdin=stdin.fileno(),
        stdout=printed_fd,
        stderr=printed_fd,
        start_new_session=True,
        env={**shared_environment(), RUN_VARIABLE: f"{outer}/{mark}" if outer else mark},
    )
