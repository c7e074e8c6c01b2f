"""The runners of one worker: each job is run by that of its kind."""

from collections.abc import Mapping
from typing import Any

from eventqueue.model.job import Job
from eventqueue.worker.running.reports import Ended, Written
from eventqueue.worker.running.runner import Runner, Tell


class Runners:
    """See Runner; `of`: a runner for each kind of run that this worker can do."""

    def __init__(self, tell: Tell, of: Mapping[type[Any], Runner]) -> None:
        self._tell = tell
        self._of = of

    def start(self, key: str, job: Job) -> None:
        """See Runner.start."""
        if (runner := self._of.get(type(job.run))) is None:  # the views showed another run than the log has
            self._tell(Ended(key=key, unharmed="its worker runs no jobs of its kind"))
        else:
            runner.start(key, job)

    def kill(self, key: str, grace_s: float) -> None:
        """See Runner.kill."""
        for runner in self._of.values():
            runner.kill(key, grace_s)

    def extend(self, deadline_s: float) -> None:
        """See Runner.extend."""
        for runner in self._of.values():
            runner.extend(deadline_s)

    def so_far(self, key: str) -> tuple[Written, Written] | None:
        """See Runner.so_far."""
        return next((found for runner in self._of.values() if (found := runner.so_far(key)) is not None), None)

    def close(self) -> None:
        """See Runner.close."""
        for runner in self._of.values():
            runner.close()
