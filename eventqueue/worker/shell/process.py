"""Processes: starting one without a fork, signalling it, and reading in /proc who lives and whose it is.

A pid alone names nobody for long, since the kernel hands it out again. What names a process here is its pid *and* its
start time, or that it is a child not reaped yet, or a pidfd. Linux only; stdlib only, since the launcher imports this.
"""

from __future__ import annotations

import errno
import os
import signal
import time

SHELL = "/bin/sh"
# How a worker reaches the database, with a password perhaps: no job's business, unless its own env says so.
PRIVATE = ("QUEUECTL_URI", "QUEUECTL_DB", "QUEUECTL_HOME", "QUEUECTL_MONGOD")
_DOUBT_S = 0.2  # after which a process without a mark counts as one that gave it up
# Python ignores SIGPIPE, nohup SIGHUP, and exec passes that on: a command starts with nothing ignored or blocked.
_DEFAULT_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


class NotStarted(Exception):
    """A command cannot run here; the message is a sentence for the job's history."""


def shared_environment() -> dict[str, str]:
    """Return what a process that is started from here may inherit: a job reads its parents' environment in /proc."""
    return {name: value for name, value in os.environ.items() if name not in PRIVATE}


def spawn_shell(command: str, environ: dict[str, str]) -> tuple[int, tuple[int, int], int, int]:
    """Start `command` in a shell and a session of its own; return pid, start time, the read ends of its two outputs.

    The start time as its bounds: /proc has it exactly, but takes 30 to 100 µs for one that is just loading its
    program, and no pid is handed out again in so short a time.

    It inherits stdin, the current directory, and nothing else that is close-on-exec, as all that Python opens is. But
    the kernel lets us go on before it closes that in the child: for a moment a pipe closed here is still open there,
    so an epoll may tell of it when its number is already another's. Hence the read ends do not block.
    Raises NotStarted, and leaves nothing open, if it cannot be started.
    """
    fds: list[int] = []
    try:
        fds += os.pipe()
        fds += os.pipe()
        for fd in fds[0], fds[2]:
            os.set_blocking(fd, False)
        earliest = _clock_ticks()
        # posix_spawn neither copies page tables, as fork does, nor runs Python in the child, as preexec_fn does.
        pid = os.posix_spawn(
            SHELL,
            [SHELL, "-c", "--", command],  # else the shell takes a line such as `-n foo` for its options
            environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, fds[1], 1), (os.POSIX_SPAWN_DUP2, fds[3], 2)],
            setsid=True,
            setsigmask=(),
            setsigdef=_DEFAULT_SIGNALS,
        )
    except (OSError, ValueError) as error:
        for fd in fds:
            os.close(fd)
        raise NotStarted(_why_no_shell(error)) from error
    latest = _clock_ticks()
    os.close(fds[1])
    os.close(fds[3])
    return pid, (earliest, latest), fds[0], fds[2]


def enter(directory: str | int) -> None:
    """Make `directory`, a path or an open one, the current one. Raises NotStarted if it cannot be."""
    try:
        os.chdir(directory)
    except (OSError, ValueError) as error:
        name = "worker's own directory" if isinstance(directory, int) else f"directory {directory!r}"
        raise NotStarted(f"The {name} {_why_not_entered(error)}.") from error


def _clock_ticks() -> int:
    """Return the time since boot in the ticks of /proc's start times: 100 a second on every Linux."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 10_000_000


def _why_no_shell(error: OSError | ValueError) -> str:
    match error:
        case OSError(errno=errno.E2BIG):
            return "The command or its environment is too long: the system takes 128 KiB in one string."
        case OSError(errno=errno.EMFILE | errno.ENFILE):
            return "The worker's host has no free file descriptors: use fewer slots or raise the limit."
        case OSError():
            return f"The shell could not be started: {error.strerror}."
        case _:
            return f"The command could not be started: {error}."


def _why_not_entered(error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError():
            return "does not exist on the worker's host"
        case NotADirectoryError():
            return "is not a directory on the worker's host"
        case PermissionError():
            return "may not be entered by the worker's user"
        case _:
            return f"cannot be entered: {error}"


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


class Children:
    """The children of this process's main thread."""

    def __init__(self) -> None:
        # Kept open: reading it takes 1 µs so, and 14 with the opening, which also fails when descriptors run out.
        try:
            self._fd = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY)
        except OSError:
            self._fd = -1

    def pids(self) -> list[int]:
        """Return them all, zombies too; none where the kernel does not list them.

        Exact if nobody else reaps them meanwhile: nothing leaves the list while it is read.
        """
        if self._fd < 0:
            return []
        listed = b""
        while more := os.pread(self._fd, 64 * 1024, len(listed)):
            listed += more
        return [int(pid) for pid in listed.split()]


class Strays:
    """Descendants of runs that left their group and lost their parent, and so became this subreaper's children.

    Which run one belongs to its environment says: marks, joined by `/`, of which ours begin with `prefix`.
    """

    def __init__(self, children: Children, variable_name: str, prefix: str) -> None:
        self._children = children
        self._variable_name = variable_name
        self._prefix = prefix
        self._marks: dict[int, str] = {}
        self._first_seen_at: dict[int, float] = {}
        self.has_doomed = False  # some are dying
        self.has_unknown = False  # some have yet to show whose they are

    def hunt(self, runs: dict[int, str]) -> None:
        """KILL those whose mark is not among `runs` (pid to mark) any more.

        What one leaves behind in turn comes to us when it dies. A stray without a mark is left alone: it was started
        to outlive its job.
        """
        strays = [pid for pid in self._children.pids() if pid not in runs]
        spared = {None, *runs.values()} if strays else {None}
        doomed = [pid for pid in strays if self._mark(pid) not in spared]
        for pid in doomed:
            send(pid, signal.SIGKILL)
        self.has_doomed = bool(doomed)
        self.has_unknown = any(list(map(self._is_new, strays)))

    def forget(self, pid: int) -> None:
        """Forget a stray that was reaped: its pid is free now."""
        self._marks.pop(pid, None)
        self._first_seen_at.pop(pid, None)

    def _mark(self, pid: int) -> str | None:
        if pid not in self._marks:
            for mark in (variable(pid, self._variable_name) or "").split("/"):
                if mark.startswith(self._prefix):
                    self._marks[pid] = mark
        return self._marks.get(pid)

    def _is_new(self, pid: int) -> bool:
        # For a moment in the middle of its exec a process shows no environment.
        now = time.monotonic()
        return pid not in self._marks and now < self._first_seen_at.setdefault(pid, now) + _DOUBT_S


def kill_marked(name: str, mark: str, passes: int = 50) -> None:
    """KILL every process of this host whose variable `name` contains `mark`, and what they start meanwhile.

    Looks at all of /proc every 10 ms until there was none twice, `passes` times at most.
    """
    clean_passes = 0  # one proves little: in the middle of its exec a process shows no environment
    for _ in range(passes):
        pids = [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]
        clean_passes = 0 if sum(_kill_if_marked(pid, name, mark) for pid in pids) else clean_passes + 1
        if clean_passes == 2:
            return
        time.sleep(0.01)


def _kill_if_marked(pid: int, name: str, mark: str) -> bool:
    if mark not in (variable(pid, name) or ""):
        return False
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        # Asked again: until the pidfd was open, the pid could still change hands.
        if mark not in (variable(pid, name) or ""):
            return False
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(process)
    return True


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
