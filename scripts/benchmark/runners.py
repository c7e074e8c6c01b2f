"""Workers as the product ships them, but for what runs their jobs; all wait at a gate until they may claim.

`extend` is where they wait: a worker calls it once it is registered and has its lease, and before it claims anything.
"""

import os
import sys
import time

from eventqueue.model.job import Job
from eventqueue.worker.child import main
from eventqueue.worker.running.reports import Ended, Started, Written
from eventqueue.worker.running.runner import MakeRunner, Tell
from eventqueue.worker.shell.orders import Launcher
from eventqueue.worker.shell.runner import ShellRunner
from scripts.benchmark.gate import Entrance


class NoOp:
    """A runner whose jobs are done as soon as they are started."""

    def __init__(self, tell: Tell, entrance: Entrance) -> None:
        self._tell = tell
        self._entrance = entrance
        self._pid = os.getpid()

    def start(self, key: str, job: Job) -> None:  # noqa: ARG002 - whatever it is
        """See Runner.start."""
        self._tell(Started(key, self._pid))
        self._tell(Ended(key=key, exit_code=0))

    def kill(self, key: str, grace_s: float) -> None:
        """See Runner.kill."""

    def extend(self, deadline_s: float) -> None:  # noqa: ARG002 - nothing runs that could be killed
        """See Runner.extend."""
        self._entrance.wait()

    def so_far(self, key: str) -> tuple[Written, Written] | None:  # noqa: ARG002 - whatever it is
        """See Runner.so_far: nothing runs."""
        return None

    def close(self) -> None:
        """See Runner.close."""


class Stamping(NoOp):
    """As NoOp; the time of each start, on the clock that all processes share, is written to a pipe."""

    def __init__(self, tell: Tell, entrance: Entrance, fd: int) -> None:
        super().__init__(tell, entrance)
        self._fd = fd

    def start(self, key: str, job: Job) -> None:
        """See Runner.start."""
        os.write(self._fd, time.monotonic_ns().to_bytes(8, "big"))
        super().start(key, job)


class Shells(ShellRunner):
    """The runner of commands itself, once the gate is open."""

    def __init__(self, tell: Tell, entrance: Entrance) -> None:
        super().__init__(Launcher(tell))
        self._entrance = entrance

    def extend(self, deadline_s: float) -> None:
        """See Runner.extend."""
        self._entrance.wait()
        super().extend(deadline_s)


def work(kind: str, *fds: str) -> int:
    """Be a worker: `kind` names its runner, `fds` are those of the gate, and for `stamping` the pipe."""
    entrance = Entrance(fds[:2])
    makers: dict[str, MakeRunner] = {
        "no-op": lambda tell: NoOp(tell, entrance),
        "stamping": lambda tell: Stamping(tell, entrance, int(fds[2])),
        "shell": lambda tell: Shells(tell, entrance),
    }
    return main(makers[kind])


if __name__ == "__main__":
    sys.exit(work(*sys.argv[1:]))
