"""What a runner tells of a run: that it began, and how it ended.

A run is one attempt of a job. Its key names it among those that have not ended, and is the claim's.
"""

import msgspec

from eventqueue.tasks.outcomes import Outcome


class Written(msgspec.Struct, frozen=True):
    """The end of what a run printed, at most 64 KiB, and the length of it all."""

    tail: bytes
    total: int


class Started(msgspec.Struct, frozen=True):
    """Run `key` has begun, in process `pid`.

    `begun`: of a shell, between which its start time is: clock ticks since boot, as in /proc.
    """

    key: str
    pid: int
    begun: tuple[int, int] = (0, 0)


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """Run `key` is over; whatever it had started that is known has been sent a KILL.

    Of `exit_code`, `signal`, `problem` and `outcome` at most one is set, none if the lease had run out before it could
    start, or `unharmed` is set.
    """

    key: str
    exit_code: int | None = None  # of a command's shell: 127 where it found no such command
    signal: int | None = None  # that killed what ran it
    outcome: Outcome | None = None  # of a task that came to its own end
    timed_out: bool = False  # it ran into its timeout, however it ended then
    killed: bool = False  # `kill` or `close` was called while it ran
    lease_lost: bool = False  # the deadline given to `extend` passed while it ran, or before it could start
    unharmed: str | None = None  # why it is over though nothing is wrong with it: it is handed back, and not counted
    no_runner: bool = False  # what was to run it ended before it had heard of it: it has not begun
    duration_s: float = 0.0  # until what ran it ended
    stdout: Written = Written(b"", 0)
    stderr: Written = Written(b"", 0)
    problem: str | None = None  # why it could not start, or was lost: a sentence for people
