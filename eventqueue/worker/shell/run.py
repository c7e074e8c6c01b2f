"""One command that the launcher runs, from its start to its `ended` message: asked to stop, struck, or left to end.

Stdlib only, since the launcher imports this.
"""

from __future__ import annotations

import signal
from time import monotonic

from eventqueue.system.process import send_group
from eventqueue.worker.shell.output import Bounded
from eventqueue.worker.shell.protocol import ended

NEVER = float("inf")


class Run:
    """One command, from its start to its `ended` message."""

    def __init__(self, key: str, mark: str, pid: int, begun: tuple[int, int], fds: tuple[int, int]) -> None:
        self.key = key
        self.mark = mark
        self.pid = pid
        self.begun = begun  # the bounds of its start time
        self.tails = Bounded(), Bounded()
        self.tail_of = dict(zip(fds, self.tails, strict=True))  # while its pipe is open, by the read end
        self.started_at = monotonic()
        self.over_at: float | None = None  # when the shell ended: from then on it is a zombie, kept until `ended`
        self.due_at = NEVER  # when to do something about it
        self.is_asked = False  # TERM was sent
        self.is_struck = False  # KILL was sent
        self.timed_out = self.killed = self.lease_lost = False

    def stop(self, grace_s: float) -> None:
        """TERM the group; KILL it, here or when due, if it is still there after `grace_s`."""
        if grace_s <= 0 or self.is_struck:
            return self.strike()
        send_group(self.pid, signal.SIGTERM)
        send_group(self.pid, signal.SIGCONT)  # a stopped process cannot act on TERM
        grace_ends_at = monotonic() + grace_s
        self.due_at = min(self.due_at, grace_ends_at) if self.is_asked else grace_ends_at
        self.is_asked = True
        return None

    def strike(self) -> None:
        """KILL the group."""
        send_group(self.pid, signal.SIGKILL)
        self.is_struck = True
        self.due_at = NEVER

    def ended(self, status: int) -> bytes:
        """Return the message for the worker."""
        return ended(
            self.key,
            status=status,
            duration_s=(self.over_at or monotonic()) - self.started_at,
            tails=self.tails,
            timed_out=self.timed_out,
            killed=self.killed,
            lease_lost=self.lease_lost,
        )
