"""The runner of shell commands: a job's claim as an order to the launcher."""

from typing import Self

from eventqueue.model.events import Shell
from eventqueue.model.job import Job
from eventqueue.worker.running.reports import Written
from eventqueue.worker.running.runner import Tell
from eventqueue.worker.shell.orders import Launcher, ShellRun


class ShellRunner:
    """See Runner."""

    def __init__(self, launcher: Launcher) -> None:
        self._launcher = launcher

    @classmethod
    def telling(cls, tell: Tell) -> Self:
        """Return one with a launcher of its own."""
        return cls(Launcher(tell))

    @property
    def launcher(self) -> Launcher:
        """What runs them."""
        return self._launcher

    def start(self, key: str, job: Job) -> None:
        """See Runner.start."""
        assert isinstance(job.run, Shell)
        self._launcher.start(
            ShellRun(
                key=key,
                command=job.run.command,
                job_id=job.id,
                attempt=job.attempts,
                env={**job.run.env, "QUEUECTL_CLAIM": str(job.claim)},
                cwd=job.run.cwd,
                timeout_s=job.timeout,
            )
        )

    def kill(self, key: str, grace_s: float) -> None:
        """See Runner.kill."""
        self._launcher.kill(key, grace_s)

    def extend(self, deadline_s: float) -> None:
        """See Runner.extend."""
        self._launcher.extend(deadline_s)

    def so_far(self, key: str) -> tuple[Written, Written] | None:
        """See Runner.so_far: the launcher is asked."""
        return self._launcher.so_far(key)

    def close(self) -> None:
        """See Runner.close."""
        self._launcher.close()
