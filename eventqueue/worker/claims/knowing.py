"""Which jobs a worker can run: all commands, and calls of the Python tasks that it knows. Others are left to others."""

import logging
from collections.abc import Collection, Sequence

from eventqueue.model.events import Call
from eventqueue.model.job import Job
from eventqueue.system.printable import clean

logger = logging.getLogger(__name__)

TOLD_MAX = 100  # tasks that are told of: their names are data, of which there may be a million
UNKNOWN = "worker %s: task %s is not known here: its jobs are left to workers that import it"


class Knowing:
    """The tasks of the worker `name`. What it does not know it tells of, once each."""

    def __init__(self, name: str, tasks: Collection[str]) -> None:
        self._name = name
        self._tasks = frozenset(tasks)
        self._told: set[str] = set()

    def but_unknown(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Return those of the jobs that can be run here."""
        return [job for job in jobs if not isinstance(job.run, Call) or self._knows(job.run.task)]

    def _knows(self, task: str) -> bool:
        if task in self._tasks:
            return True
        if task not in self._told and len(self._told) < TOLD_MAX:
            self._told.add(task)
            logger.warning(UNKNOWN, self._name, clean(task))
        return False
