"""The fork server: a process beside each worker that imports the user's modules once, and forks its children.

One thread, one epoll, nothing that blocks, once the modules are there. It alone sees its children die, and kills them:
on the worker's order, at the end of its lease, when it dies. They die with it, by the kernel's hand. What they leave
behind, once they are dead, is found by the mark in its environment, and killed.
"""

import ctypes
import gc
import os
import select
import signal
import socket
import warnings
from collections import deque
from contextlib import suppress
from time import monotonic

from eventqueue.api.place import stand_at
from eventqueue.errors import QueueError
from eventqueue.system.boottime import since_boot
from eventqueue.system.imports import look_in
from eventqueue.system.process import RUN_VARIABLE, dead_child, send, send_group
from eventqueue.tasks import registry
from eventqueue.tasks.planned import planned
from eventqueue.worker.python.capture import Streams
from eventqueue.worker.python.child import run_child
from eventqueue.worker.python.messages import (
    Boot,
    Died,
    Extend,
    Fork,
    Forked,
    Known,
    Lives,
    Message,
    NotForked,
    Plans,
    Ready,
    Strike,
    Unimportable,
    encoder,
    to_fork_server,
)
from eventqueue.worker.shell.strays import Children, Strays

NEVER = float("inf")
CLOSE_S = 0.8  # for what was killed to be gone, before the fork server itself goes
HUNT_S = 0.02  # until the next look at strays that do not show yet whose they are

_PACKET_BYTES = 256 * 1024
FDS = 6  # that come with an order to fork
_KNOWN_MAX = 100  # names in one packet
_LEASE_LOOK_S = 1.0  # a sleep of the machine lengthens a wait, but not the lease
_WAIT_MAX_S = 3600.0
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36


class Zygote:
    """The children of one worker, and the channel on which it orders them and hears of their deaths."""

    def __init__(self, channel: socket.socket, boot: Boot, streams: Streams, wake_fd: int) -> None:
        self._channel = channel
        self._boot = boot
        self._streams = streams
        self._wake_fd = wake_fd  # readable after a signal
        self._unsent: deque[bytes] = deque()
        self._serials: dict[int, int] = {}  # by pid
        self._lost: set[int] = set()  # pids that were killed at the end of the lease
        self._strays = Strays(Children(), RUN_VARIABLE, boot.name + ".")
        self._outer = os.environ.get(RUN_VARIABLE, "").rpartition("/")[0]
        self._lease_until = self._close_by = self._hunt_at = NEVER
        self._epoll = select.epoll()
        self._epoll.register(channel, select.EPOLLIN)
        self._epoll.register(wake_fd, select.EPOLLIN)
        self._worker_fd = self._watch(boot.worker_pid)

    def run(self) -> None:
        """Work until the worker is gone, and so is everything that ran for it."""
        while self._close_by == NEVER or (monotonic() < self._close_by and (self._serials or self._is_hunting)):
            self.step()

    def step(self) -> None:
        """Wait until something happens, then handle all that did."""
        wait_s = min(self._hunt_at, self._close_by) - monotonic()
        most_s = _WAIT_MAX_S
        if self._lease_until < NEVER and self._serials.keys() - self._lost:
            wait_s, most_s = min(wait_s, self._lease_until - since_boot()), _LEASE_LOOK_S
        ready = {fd for fd, _ in self._epoll.poll(min(max(wait_s, 0.0), most_s))}
        if self._wake_fd in ready:
            self._reap()
        if self._channel.fileno() in ready and self._close_by == NEVER:
            self._hear()
        if self._worker_fd in ready:
            self._close()
        if since_boot() >= self._lease_until:
            self._lost |= self._serials.keys()
            self._kill_all()
        if monotonic() >= self._hunt_at:
            self._hunt()
        self._flush()

    @property
    def _is_hunting(self) -> bool:
        return self._strays.has_doomed or self._hunt_at < NEVER

    # What the worker orders

    def _hear(self) -> None:
        fds: list[int] = []
        try:
            packet, fds, _, _ = socket.recv_fds(self._channel, _PACKET_BYTES, FDS)
            for fd in fds:  # it takes no flag that would have them come so
                os.set_inheritable(fd, False)
        except BlockingIOError:
            return None
        except OSError:
            packet = b""
        if not packet:
            return self._close()
        match to_fork_server.decode(packet):
            case Fork(serial=serial):
                self._fork(serial, fds)
            case Strike(serial=struck):
                for pid, serial in self._serials.items():
                    if serial == struck:
                        send(pid, signal.SIGKILL)
            case Extend(until=until):
                self._lease_until = until
                self._say(Lives())
        return None

    def _fork(self, serial: int, fds: list[int]) -> None:
        try:
            with warnings.catch_warnings(action="ignore"):  # of threads, of which the worker has told
                pid = os.fork()
        except OSError as error:
            self._say(NotForked(serial, error.strerror or str(error)))
        else:
            if pid == 0:
                self._be_child(serial, fds)
            self._serials[pid] = serial
            self._say(Forked(serial, pid))
        for fd in fds:
            os.close(fd)

    def _be_child(self, serial: int, fds: list[int]) -> None:
        """Never returns."""
        try:
            die_with(os.getppid())
            os.setsid()
            for one in (self._channel.detach(), self._wake_fd, self._epoll.fileno(), self._worker_fd):
                if one is not None:
                    os.close(one)
            os.close(signal.set_wakeup_fd(-1))
            for signum in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
                signal.signal(signum, signal.SIG_DFL)
            mark = f"{self._boot.name}.{serial}"
            os.environ[RUN_VARIABLE] = f"{self._outer}/{mark}" if self._outer else mark
            run_child(fds, self._boot.threads, self._streams)
        finally:
            os._exit(70)

    def _close(self) -> None:
        """The worker has gone, or wants to: kill everything at once."""
        if self._close_by != NEVER:
            return
        self._close_by = monotonic() + CLOSE_S
        for fd in (self._channel.fileno(), self._worker_fd):
            if fd is not None:
                self._epoll.unregister(fd)
        self._kill_all()
        self._hunt_at = 0.0

    # What becomes of children

    def _kill_all(self) -> None:
        for pid in self._serials:
            send(pid, signal.SIGKILL)

    def _reap(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake_fd, 4096)
        while dead := dead_child():
            if dead in self._serials:
                send_group(dead, signal.SIGKILL)  # while it is our zombie, its group can be no other's
            status = os.waitpid(dead, 0)[1]
            self._strays.forget(dead)
            if (serial := self._serials.pop(dead, None)) is not None:
                self._say(Died(serial, status, dead in self._lost))
                self._lost.discard(dead)
            self._hunt_at = 0.0

    def _hunt(self) -> None:
        alive = {pid: f"{self._boot.name}.{serial}" for pid, serial in self._serials.items()}
        if alive:  # what was forked, and has left its parent, shows the mark that this process has
            alive[os.getpid()] = f"{self._boot.name}.0"
        self._strays.hunt(alive)
        self._hunt_at = monotonic() + HUNT_S if self._strays.has_unknown else NEVER

    # What is said

    def _say(self, message: Message) -> None:
        self._unsent.append(encoder.encode(message))

    def _flush(self) -> None:
        try:
            while self._unsent and self._close_by == NEVER:
                self._channel.send(self._unsent[0])
                self._unsent.popleft()
            listens_for = select.EPOLLIN
        except BlockingIOError:
            listens_for = select.EPOLLIN | select.EPOLLOUT
        except OSError:  # nobody will hear it
            self._unsent.clear()
            return
        if self._close_by == NEVER:
            self._epoll.modify(self._channel, listens_for)

    def _watch(self, worker_pid: int) -> int | None:
        """Return a descriptor that is ready once the worker has died: a fork of it may keep the channel open."""
        try:
            fd = os.pidfd_open(worker_pid)
        except OSError:
            return None
        self._epoll.register(fd, select.EPOLLIN)
        return fd


def die_with(parent: int | None) -> None:
    """Have the kernel kill this process when its parent dies; None: no more."""
    signum = 0 if parent is None else signal.SIGKILL
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, *map(ctypes.c_ulong, (signum, 0, 0, 0)))
    if parent is not None and os.getppid() != parent:  # it has died before
        os._exit(70)


def main() -> None:
    """Be the fork server of the worker at the other end of stdin, which sends a `Boot` first."""
    channel = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    boot = to_fork_server.decode(channel.recv(_PACKET_BYTES))
    assert isinstance(boot, Boot)
    die_with(boot.worker_pid)  # while it imports, which may take its time, it hears of nothing
    streams = Streams()
    if _import(channel, boot):
        streams.log()
        channel.setblocking(False)
        zygote = Zygote(channel, boot, streams, _notice_signals())
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, *map(ctypes.c_ulong, (1, 0, 0, 0)))
        die_with(None)
        gc.freeze()  # so that no child copies a page for the collector's marks
        zygote.run()


def _import(channel: socket.socket, boot: Boot) -> bool:
    look_in(boot.import_path)
    if boot.uri is not None and boot.db is not None:
        stand_at(boot.uri, boot.db)
    try:
        registry.load(boot.imports)
        plans = planned()
    except QueueError as error:
        channel.send(encoder.encode(Unimportable(str(error))))
        return False
    names = [(name, task.is_async) for name in registry.known() if (task := registry.find(name)) is not None]
    for start in range(0, len(names), _KNOWN_MAX):
        channel.send(encoder.encode(Known(names[start : start + _KNOWN_MAX])))
    for schedule in plans:
        channel.send(encoder.encode(Plans(schedule)))
    channel.send(encoder.encode(Ready(len(os.listdir("/proc/self/task")))))
    return True


def _notice_signals() -> int:
    """Return a descriptor that is readable after a signal.

    A fork server lives as long as its worker: what asks both to end is for the worker to answer.
    """
    readable, writable = os.pipe()
    os.set_blocking(readable, False)
    os.set_blocking(writable, False)
    for signum in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda *_: None)
    signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    return readable
