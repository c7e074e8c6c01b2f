"""TestQueue: a Queue in memory, and the workers that run what is in it whenever a test says so."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, cast

from eventqueue.api.arguments import check_actor, checked
from eventqueue.api.connected import Connected
from eventqueue.api.current import using
from eventqueue.api.enqueueing import Receipt
from eventqueue.api.following import Followed
from eventqueue.api.queue import Queue
from eventqueue.errors import DifferentJob, InvalidInput
from eventqueue.model.spec import Request
from eventqueue.system.people import actor_of
from eventqueue.testing import running
from eventqueue.testing.attempt import RunCommand
from eventqueue.testing.clock import TestClock
from eventqueue.testing.connection import MemoryConnection
from eventqueue.testing.faults import parsed

if TYPE_CHECKING:
    from eventqueue.connect import Connection

WORKERS_MAX = 100


@checked
class TestQueue(Queue):
    """A Queue without a database, for tests: enqueue and look as always, and `run` what is due, in this process.

    `clock` stands still until the test advances it. `inline`: each enqueue runs what is due at once. `shell`: what runs
    jobs that are commands, given the job; it returns an exit code. `now`: where the clock begins, by default now.
    What only a database can answer raises Refused.
    """

    __test__ = False  # for pytest, by its name

    def __init__(
        self,
        *,
        inline: bool = False,
        shell: RunCommand | None = None,
        now: datetime | None = None,
        actor: str | None = None,
    ) -> None:
        if actor is not None:
            check_actor(actor)
        self.clock = TestClock(now)
        self.shell = shell
        self._inline = inline
        self._depth = 0  # of runs within each other
        self.memory = MemoryConnection(self.clock, self.run, actor or actor_of("test"))
        memory: Connected = self.memory
        self._stand_on(cast("Connection", memory))  # all that a Queue has beside that refuses

    def run(
        self, *, until_empty: bool = False, workers: int = 1, seed: int | None = None, faults: Iterable[str] = ()
    ) -> int:
        """Run what is due until nothing is, tasks by their functions, and return how many attempts were made.

        `until_empty`: let time pass for what is due later, retries too. An AssertionError of a task is recorded like
        any error, and raised: it is the test's.

        With `workers`, a `seed` or `faults` (see Fault) the run is simulated until all has ended: the steps of so many
        workers in an order that follows from the seed, with these faults. After it all histories must be legal and all
        jobs that can be run here ended; whatever breaks tells how to have the same run again.
        Raises InvariantBroken; Refused for a job that is a command, where there is no `shell`; InvalidInput.
        """
        if not 1 <= workers <= WORKERS_MAX:
            raise InvalidInput("workers", f"must be between 1 and {WORKERS_MAX}")
        asked = running.asked(until_empty=until_empty, workers=workers, seed=seed, faults=parsed(faults))
        self._depth += 1
        try:
            with using(self):
                return running.run(self.memory, asked, self.shell)
        finally:
            self._depth -= 1

    def follow_output(self, job_id: str, attempt: int | None = None) -> Iterator[Followed | None]:
        """See Queue.follow_output. What is due is run meanwhile; raises WaitTimeout where nothing is left to run."""
        for one in super().follow_output(job_id, attempt):
            yield one
            if one is None:
                self.memory.endings.wait(0.0)

    def enqueue_checked(
        self, requests: Iterable[Request], progress: Callable[[int], object] = lambda _: None
    ) -> list[Receipt | DifferentJob]:
        """See Queue.enqueue_checked."""
        results = super().enqueue_checked(requests, progress)
        if self._inline and not self._depth:  # what a task enqueues comes after it, in the run that it is in
            self.run()
        return results
