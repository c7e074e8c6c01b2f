"""What runs jobs, as a protocol. There is one for each kind of run."""

from collections.abc import Callable
from typing import Protocol

from eventqueue.model.job import Job
from eventqueue.worker.running.reports import Ended, Started, Written

KILL_GRACE_S = 1.0  # from asking a run to stop to killing it: gone well within 2 s


class Runner(Protocol):
    """Runs what it is ordered to, and tells what became of it: for each run a Started and then an Ended, or that alone.

    It may tell from any thread, also from within `start`. All methods are safe across threads.
    """

    def start(self, key: str, job: Job) -> None:
        """Order the run `key` of a job, as its claim left it.

        Raises OSError where nothing can be started; then nothing is told of it.
        """
        ...

    def kill(self, key: str, grace_s: float) -> None:
        """Ask a run to end, and kill what is left after `grace_s` seconds; a key that is not running is ignored."""
        ...

    def extend(self, deadline_s: float) -> None:
        """Have all that runs killed, and nothing started, from `deadline_s` seconds on, unless extended again."""
        ...

    def so_far(self, key: str) -> tuple[Written, Written] | None:
        """Return what a run has written by now, to stdout and stderr, for who follows it; None where it does not run.

        It may take a moment, and is not to be asked where the runner tells of something.
        """
        ...

    def close(self) -> None:
        """Kill all that runs, tell of it, and leave nothing behind."""
        ...


Tell = Callable[[Started | Ended], None]
"""Who is told."""

MakeRunner = Callable[[Tell], Runner]
"""What makes a runner; it is given whom to tell."""
