"""One run of a Python task as its worker sees it, from its order to what is told of its end."""

from eventqueue.model.events import Call
from eventqueue.model.job import Job
from eventqueue.worker.python.messages import NOT_BEGUN, UNKNOWN, Over, Run, outcome_of
from eventqueue.worker.running.reports import Ended, Written

NEVER = float("inf")
NOTHING = Written(b"", 0)


class Attempt:
    """A run; `tries`: how many children have died before they began it."""

    __slots__ = ("begun_at", "due_at", "is_asked", "is_async", "key", "killed", "order", "slot", "timed_out", "tries")

    def __init__(self, key: str, number: int, job: Job) -> None:
        assert isinstance(job.run, Call)
        assert job.claim is not None
        self.key = key
        self.order = Run(
            number,
            job.id,
            attempt=job.attempts,
            claim=job.claim,
            queue=job.queue,
            timeout_s=job.timeout,
            retries_left=max(0, job.max_retries - job.failures),
            correlation=job.correlation,
            call=job.run,
        )
        self.is_async = False
        self.begun_at: float | None = None
        self.slot: int | None = None  # the thread that it began in; None: on the loop
        self.due_at = NEVER  # when to do something about it
        self.is_asked = False  # to stop
        self.timed_out = self.killed = False
        self.tries = 0

    def over(self, over: Over) -> Ended:
        """Return what is told of a run whose child has told of its end."""
        if over.kind == NOT_BEGUN:
            return Ended(key=self.key, killed=True)
        if over.kind == UNKNOWN:
            return Ended(key=self.key, unharmed="its worker does not know its task any more")
        out, err = map(Written, over.tails, over.totals) if any(over.totals) else (NOTHING, NOTHING)
        return Ended(
            key=self.key,
            outcome=outcome_of(over.kind, over.value),
            timed_out=self.timed_out,
            killed=self.killed,
            duration_s=over.duration_s,
            stdout=out,
            stderr=err,
        )

    def lost(self, now: float, *, lease_lost: bool = False, unharmed: str | None = None, problem: str) -> Ended:
        """Return what is told of a run that had begun in a child that died: `problem` tells how."""
        is_asked = self.timed_out or self.killed
        is_unharmed = unharmed is not None and not (is_asked or lease_lost)
        return Ended(
            key=self.key,
            timed_out=self.timed_out,
            killed=self.killed,
            lease_lost=lease_lost,
            unharmed=unharmed if is_unharmed else None,
            problem=None if is_asked or lease_lost or is_unharmed else problem,
            duration_s=0.0 if self.begun_at is None else now - self.begun_at,
        )
