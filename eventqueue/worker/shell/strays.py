"""What runs leave behind: descendants that left their group, found by the mark in their environment, and killed.

Stdlib only, since the launcher imports this.
"""

from __future__ import annotations

import os
import signal
import time

from eventqueue.system.process import send, send_group, variable

_DOUBT_S = 0.2  # after which a process without a mark counts as one that gave it up


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


def kill_marked(name: str, mark: str, *, with_groups: bool = False, passes: int = 50) -> None:
    """KILL every process of this host whose variable `name` contains `mark`, and what they start meanwhile.

    `with_groups`: also the groups that they lead, where one may be of a shell that nobody has told us of.

    Looks at all of /proc every 10 ms until there was none twice, `passes` times at most.
    """
    clean_passes = 0  # one proves little: in the middle of its exec a process shows no environment
    for _ in range(passes):
        pids = [int(entry) for entry in os.listdir("/proc") if entry.isdecimal()]
        clean_passes = 0 if sum(_kill_if_marked(pid, name, mark, with_groups) for pid in pids) else clean_passes + 1
        if clean_passes == 2:
            return
        time.sleep(0.01)


def _kill_if_marked(pid: int, name: str, mark: str, with_group: bool) -> bool:
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
        if with_group and os.getpgid(pid) == pid:
            send_group(pid, signal.SIGKILL)
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(process)
    return True
