"""The launcher: a small process beside each worker that runs shell commands and kills them when the worker dies.

One thread, one epoll, nothing that blocks. Whatever a command does, prints or leaves behind ends in its own `ended`
message, never in an exception here. Started by `orders.py` in a bare interpreter; stdlib only, so that it stays small.

Two rules keep it from ever killing what is not its own:
- a group is signalled only while its leader, the shell, is our unreaped child: its number cannot be another's yet;
- a stray (a descendant that left its group and lost its parent: it becomes our child, since we are the subreaper)
  is killed only if its environment says that it belongs to a run of ours, and that run has ended.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from contextlib import suppress
from time import monotonic

from eventqueue.system.boottime import since_boot
from eventqueue.system.process import RUN_VARIABLE, dead_child, send_group
from eventqueue.worker.shell.protocol import Channel, ended, hears, lives, started, written
from eventqueue.worker.shell.run import NEVER, Run
from eventqueue.worker.shell.spawn import NotStarted, enter, spawn_shell
from eventqueue.worker.shell.strays import Children, Strays

TYPE_CHECKING = False  # typing's own takes 2 ms to import
if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_GRACE_S = 2.0  # from TERM to KILL for a command that ran into its timeout
LINGER_S = 0.2  # for what a command left behind to print its last lines, once the command itself has ended
CLOSE_S = 0.8  # for what was killed to be gone, before the launcher itself goes
HUNT_S = 0.02  # until the next look at strays that do not show yet whose they are

_LEASE_LOOK_S = 1.0
_WAIT_MAX_S = 3600.0  # epoll refuses to wait for a month
_PR_SET_CHILD_SUBREAPER = 36
_READ_BYTES = 64 * 1024  # what a pipe holds
_DRAIN_READS = 16  # of that size: what the largest pipe holds that an ordinary user may make


class Loop:
    """All runs of one worker, and the channel on which it orders them and hears of them."""

    def __init__(self, channel: Channel, wake_fd: int, worker_pid: int, name: str) -> None:
        self._channel = channel
        self._wake_fd = wake_fd  # readable after a signal
        self._name = name
        self._environ = dict(os.environ)
        # O_PATH: a directory that may be entered need not be readable.
        self._home = os.open(".", os.O_PATH | os.O_DIRECTORY)
        self._buffer = memoryview(bytearray(_READ_BYTES))
        self._runs: dict[str, Run] = {}
        self._by_pid: dict[int, Run] = {}
        self._by_fd: dict[int, Run] = {}
        self._held: set[int] = set()  # shells that are over while something else still has their pipes open
        self._children = Children()
        self._strays = Strays(self._children, RUN_VARIABLE, name + ".")
        self._serial = 0
        self._lease_until = self._close_by = self._wake_at = self._hunt_at = NEVER
        self._epoll = select.epoll()
        self._epoll.register(wake_fd, select.EPOLLIN)
        self._listens_for = 0  # what the channel is registered for
        self._has_unsent = False
        self._worker_fd = self._watch(worker_pid)

    def run(self) -> None:
        """Work until the worker is gone and so is everything that ran for it."""
        self._channel.send(hears())
        self._flush()
        while not self._is_done():
            self.step()

    def step(self) -> None:
        """Wait until something happens, then handle all that did."""
        wait_s = min(self._wake_at, self._hunt_at, self._close_by) - monotonic()
        # A sleep of the machine lengthens the wait, but not the lease: what runs is looked at in between.
        most_s = _LEASE_LOOK_S if self._runs and self._lease_until < NEVER else _WAIT_MAX_S
        ready = {fd for fd, _ in self._epoll.poll(min(max(wait_s, 0.0), most_s))}
        # Pipes first: what is closed and opened below may give the number of a ready one to another.
        for fd in ready & self._by_fd.keys():
            self._read(fd)
        if self._wake_fd in ready:
            self._reap()
        if self._channel.fd in ready and self._channel.is_open:
            self._hear()
        if self._worker_fd in ready or not self._channel.is_open:
            self._close()
        self._act_on_due()
        if monotonic() >= self._hunt_at:
            self._hunt()
        self._flush()

    def _is_done(self) -> bool:
        if self._close_by == NEVER:
            return False
        is_hunting = self._strays.has_doomed or self._hunt_at < NEVER
        return monotonic() >= self._close_by or not (self._runs or self._has_unsent or is_hunting)

    # What the worker orders.

    def _hear(self) -> None:
        orders: dict[str, Callable[..., None]] = {
            "start": self._start,
            "kill": self._kill,
            "extend": self._extend,
            "tell": self._tell,
        }
        for message, _ in self._channel.receive():
            orders[message.pop("type")](**message)

    def _start(self, key: str, command: str, env: dict[str, str], cwd: str | None, timeout_s: float | None) -> None:
        if since_boot() >= self._lease_until:
            self._channel.send(ended(key, lease_lost=True))
            return
        try:
            run = self._spawn(key, command, env, cwd)
        except NotStarted as reason:
            self._channel.send(ended(key, problem=str(reason)))
            return
        self._runs[key] = self._by_pid[run.pid] = run
        for fd in run.tail_of:
            self._by_fd[fd] = run
            self._epoll.register(fd, select.EPOLLIN)
        if timeout_s is not None:
            run.due_at = run.started_at + timeout_s
            self._wake_by(run.due_at)
        self._channel.send(started(key, run.pid, run.begun))

    def _kill(self, key: str, grace_s: float) -> None:
        run = self._runs.get(key)
        if run is None:
            return  # it has ended: the message is on its way
        if run.over_at is not None:
            self._end(run)
            return
        run.killed = True
        run.stop(grace_s)
        self._wake_by(run.due_at)

    def _extend(self, until: float) -> None:
        self._lease_until = until
        self._wake_by_lease()
        self._channel.send(lives())

    def _tell(self, key: str) -> None:
        if (run := self._runs.get(key)) is not None:  # else it has ended: the message is on its way
            self._channel.send(written(key, run.tails))

    def _close(self) -> None:
        """The worker has gone, or wants to: kill everything at once."""
        if self._close_by != NEVER:
            return
        self._close_by = monotonic() + CLOSE_S
        if self._worker_fd is not None:
            self._epoll.unregister(self._worker_fd)
        for run in list(self._runs.values()):
            run.killed = run.killed or run.over_at is None
            self._cut(run)
        self._hunt_at = 0.0

    # What becomes of a run.

    def _spawn(self, key: str, command: str, env: dict[str, str], cwd: str | None) -> Run:
        self._serial += 1
        mark = f"{self._name}.{self._serial}"
        # Inside a job of another worker its mark stays in front, so that either launcher finds its own.
        outer = self._environ.get(RUN_VARIABLE)
        environ = {**self._environ, **env, RUN_VARIABLE: f"{outer}/{mark}" if outer else mark}
        enter(self._home)
        try:
            if cwd is not None:
                enter(cwd)
            pid, begun, out, err = spawn_shell(command, environ)
        finally:
            with suppress(OSError):
                os.chdir(self._home)  # so as not to keep the command's directory busy
        return Run(key, mark, pid, begun, (out, err))

    def _read(self, fd: int) -> None:
        run = self._by_fd[fd]
        # Only a read knows the end: the kernel may say "hung up" without "readable" of a pipe that holds data, as it
        # looks at the data first and at the writers then, without a lock. And only a read knows whether there is
        # anything: what is ready may be an older pipe of this number (see `spawn_shell`).
        try:
            is_open = bool(self._take(run, fd))
        except BlockingIOError:
            return
        if not is_open:
            self._close_pipe(run, fd)
            if run.over_at is not None and not run.tail_of:
                self._end(run)

    def _take(self, run: Run, fd: int) -> int:
        size = os.readv(fd, (self._buffer,))
        run.tail_of[fd].feed(self._buffer[:size])
        return size

    def _reap(self) -> None:
        """Notice which children have died: shells are kept as zombies until their run ends, all others go."""
        with suppress(BlockingIOError):
            os.read(self._wake_fd, 4096)
        while pid := self._dead_child():
            if run := self._by_pid.get(pid):
                self._over(run)
            else:
                os.waitpid(pid, 0)
                self._strays.forget(pid)
                self._hunt_at = 0.0

    def _dead_child(self) -> int:
        """Return a child that is dead and neither reaped nor held; 0 if there is none."""
        if not self._held:
            return dead_child()
        # With P_ALL the kernel would show the held one again and again.
        pids = self._children.pids() or self._by_pid
        return next((pid for pid in pids if pid not in self._held and dead_child(pid)), 0)

    def _over(self, run: Run) -> None:
        """The shell has ended: so does the run, unless something still writes to its pipes and may for a moment."""
        run.over_at = monotonic()
        self._drain(run)
        if run.is_struck or not run.tail_of:
            self._end(run)
            return
        self._held.add(run.pid)
        if not run.is_asked:
            run.due_at = run.over_at + LINGER_S
            self._wake_by(run.due_at)

    def _drain(self, run: Run) -> None:
        """Read what is in the pipes now; bounded, since an escaped descendant may write without end."""
        for fd in tuple(run.tail_of):
            with suppress(BlockingIOError):
                for _ in range(_DRAIN_READS):
                    if not self._take(run, fd):
                        self._close_pipe(run, fd)
                        break

    def _act_on_due(self) -> None:
        now, is_lease_over = monotonic(), since_boot() >= self._lease_until
        if now < self._wake_at and not (is_lease_over and self._runs):
            return
        for run in list(self._runs.values()):
            if is_lease_over:
                run.lease_lost = run.over_at is None
                self._cut(run)
            elif now >= run.due_at:
                self._act(run)
        self._wake_at = min((run.due_at for run in self._runs.values()), default=NEVER)
        if not is_lease_over:
            self._wake_by_lease()

    def _act(self, run: Run) -> None:
        if run.is_asked or run.over_at is not None:
            self._cut(run)
        else:
            run.timed_out = True
            run.stop(TIMEOUT_GRACE_S)

    def _cut(self, run: Run) -> None:
        """End the run without further grace: now if its shell is over, else when the KILL has worked."""
        if run.over_at is None:
            run.strike()
        else:
            self._end(run)

    def _end(self, run: Run) -> None:
        # While the leader is our zombie, its group can be no other's.
        send_group(run.pid, signal.SIGKILL)
        for fd in tuple(run.tail_of):
            self._close_pipe(run, fd)
        status = os.waitpid(run.pid, 0)[1]
        del self._runs[run.key], self._by_pid[run.pid]
        self._held.discard(run.pid)
        self._hunt_at = 0.0
        self._channel.send(run.ended(status))

    def _close_pipe(self, run: Run, fd: int) -> None:
        del run.tail_of[fd]
        del self._by_fd[fd]
        os.close(fd)  # which takes it out of the epoll too, at once or when the last child that is in its exec lets go

    def _hunt(self) -> None:
        self._strays.hunt({pid: run.mark for pid, run in self._by_pid.items()})
        # The dying need no second look: their death wakes us.
        self._hunt_at = monotonic() + HUNT_S if self._strays.has_unknown else NEVER

    # Waiting.

    def _wake_by(self, at: float) -> None:
        self._wake_at = min(self._wake_at, at)

    def _wake_by_lease(self) -> None:
        if self._lease_until < NEVER:
            self._wake_by(monotonic() + self._lease_until - since_boot())

    def _flush(self) -> None:
        """Write what goes, and listen for what can happen: a closed channel would be ready for ever."""
        self._has_unsent = not self._channel.flush()
        hears = select.EPOLLIN if self._close_by == NEVER else 0
        listens_for = hears | (select.EPOLLOUT if self._has_unsent else 0)
        if listens_for == self._listens_for:
            return
        if self._listens_for:
            self._epoll.unregister(self._channel.fd)
        if listens_for:
            self._epoll.register(self._channel.fd, listens_for)
        self._listens_for = listens_for

    def _watch(self, worker_pid: int) -> int | None:
        """Return a descriptor that is ready once the worker has died: a fork of it may keep the channel open."""
        try:
            fd = os.pidfd_open(worker_pid)
        except OSError:
            return None
        self._epoll.register(fd, select.EPOLLIN)
        return fd


def main() -> None:
    """Run as the launcher of the worker whose pid is the first argument, under the name that is the second."""
    worker_pid, name = int(sys.argv[1]), sys.argv[2]
    channel = Channel(os.dup(0))
    # From here on fd 0 is what commands have for stdin; all else that is open is closed by their exec.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    loop = Loop(channel, _notice_signals(), worker_pid, name)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, *map(ctypes.c_ulong, (1, 0, 0, 0)))
    loop.run()


def _notice_signals() -> int:
    """Return a descriptor that is readable after a signal.

    A launcher lives as long as its worker: what asks both to end (Ctrl-C, a service manager's TERM) is for the worker
    to answer. Handlers, not SIG_IGN, since commands would inherit that.
    """
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    for signum in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return readable
