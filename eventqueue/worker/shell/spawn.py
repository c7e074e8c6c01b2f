"""Starting a shell without a fork, in a session of its own. Stdlib only, since the launcher imports this."""

from __future__ import annotations

import errno
import os
import signal
import time

SHELL = "/bin/sh"
# Python ignores SIGPIPE, nohup SIGHUP, and exec passes that on: a command starts with nothing ignored or blocked.
_DEFAULT_SIGNALS = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}


class NotStarted(Exception):
    """A command cannot run here; the message is a sentence for the job's history."""


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
