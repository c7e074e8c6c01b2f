"""All jobs as the log makes them: one fold, event by event in the order in which they were taken."""

from collections.abc import Collection, Mapping

from eventqueue.model.events import category_of, name_in
from eventqueue.model.job import Job, evolve
from eventqueue.testing.log import TakenLog


class Shown:
    """What the views of a log in memory show; `behind`: without the last so many events, which are yet to come."""

    def __init__(self, log: TakenLog) -> None:
        self.behind = 0
        self._log = log
        self._jobs: dict[str, Job] = {}
        self._waiting: dict[str, Job] = {}
        self._position = 0

    def jobs(self) -> Mapping[str, Job]:
        """Return the jobs by id, in the order in which they were enqueued."""
        until = len(self._log.taken) - self.behind
        for recorded in self._log.taken[self._position : max(until, self._position)]:
            if category_of(recorded.stream) == "job":
                job_id = name_in(recorded.stream)
                self._show(evolve(self._jobs.get(job_id), recorded))
            self._position += 1
        return self._jobs

    def waiting(self) -> Collection[Job]:
        """Return the jobs that wait to be claimed, now or later, in the order in which they began to."""
        self.jobs()
        return self._waiting.values()

    def _show(self, job: Job) -> None:
        self._jobs[job.id] = job
        if job.due_at is None:
            self._waiting.pop(job.id, None)
        else:
            self._waiting[job.id] = job
