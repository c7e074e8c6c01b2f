"""Which jobs the workers of a run may take: due ones that are not paused, and that can be run here."""

import logging
from collections.abc import Iterator
from datetime import datetime

from eventqueue.errors import Refused
from eventqueue.model.codec import BUCKETS
from eventqueue.model.events import Call
from eventqueue.model.job import Job
from eventqueue.ports.finder import Share
from eventqueue.steering.pauses import Pauses
from eventqueue.tasks import registry
from eventqueue.testing.attempt import Attempt, RunCommand
from eventqueue.testing.connection import MemoryConnection
from eventqueue.testing.finder import MemoryFinder
from eventqueue.testing.shown import Shown

logger = logging.getLogger(__name__)

EVERYTHING = Share(None, range(BUCKETS))


class Prospects:
    """The jobs of one log as a run's workers see them; `shell`: what runs those that are commands."""

    def __init__(self, connection: MemoryConnection, shell: RunCommand | None) -> None:
        self._log = connection.ground.log
        self._clock = connection.ground.clock
        self._shown = Shown(self._log)  # their own: it may be late
        self._finder = MemoryFinder(self._shown, self._clock)
        self._pauses = Pauses(self._log)
        self._shell = shell
        self._tried: set[tuple[str, int]] = set()
        self._unknown: set[str] = set()

    def look(self, behind: int) -> None:
        """See the jobs as they are, but for the last so many events."""
        self._shown.behind = behind

    def next(self) -> Job | None:
        """Return the job to claim next. Raises Refused for a command, where nothing is given that would run it."""
        cursor = self._finder.candidates([EVERYTHING], 1)
        while found := cursor.take(1, lambda _, __: False):
            job = found[0].job
            if (job.id, job.version) not in self._tried and self._may_run(job):
                return job
        return None

    def pass_over(self, job: Job) -> None:
        """Show a job no more as it was: somebody else was first."""
        self._tried.add((job.id, job.version))

    def next_due(self) -> datetime | None:
        """Return when the first of those is due that are due later; None where there is none."""
        now = self._clock.now()
        return min((job.due_at for job in self.open() if job.due_at is not None and job.due_at > now), default=None)

    def open(self) -> Iterator[Job]:
        """Yield the jobs that wait, now or later, and that a run could run."""
        return (job for job in self._shown.waiting() if self._may_run(job))

    def held(self) -> Iterator[Job]:
        """Yield the jobs that are claimed."""
        return (job for job in self._shown.jobs().values() if job.claim is not None)

    def job(self, job_id: str) -> Job:
        """Return a job as it is seen."""
        return self._shown.jobs()[job_id]

    def attempt(self, job: Job) -> Attempt:
        """Return the attempt of a job that was claimed."""
        return Attempt(job, self._log, self._clock, self._shell)

    def _may_run(self, job: Job) -> bool:
        if self._pauses.among([job.queue]):
            return False
        if isinstance(job.run, Call):
            return self._is_known(job.run.task)
        if self._shell is None:
            raise Refused(
                f"Job {job.id} is a command, and a TestQueue runs none: set `queue.shell` to a function that is given "
                "the job and returns an exit code."
            )
        return True

    def _is_known(self, task: str) -> bool:
        if registry.find(task) is not None:
            return True
        if task not in self._unknown:  # said once, as a worker does
            self._unknown.add(task)
            logger.warning("task %s is not known here, so its jobs wait: import the module that declares it", task)
        return False
