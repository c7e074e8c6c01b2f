"""The queue as it was at a moment: what there is to see of it now, of then. Queue.at shows it to callers.

Nothing of it is asked of the views but counters (`eventqueue.travel.counting`), and nothing is brought up to date.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from eventqueue.audit.clauses import Around, Holder, Why
from eventqueue.audit.standstill import served
from eventqueue.audit.why import explain
from eventqueue.errors import Refused
from eventqueue.model.codec import decode
from eventqueue.model.events import Recorded, stream_of
from eventqueue.model.job import Job, State, fold
from eventqueue.model.pause import Pause
from eventqueue.model.waits import Wait, wait_of
from eventqueue.mongo.past import Past
from eventqueue.ports.views import Counts, Filter, Lag, Listing, QueueStatus, Stats, Status, Views, Walk, Worker
from eventqueue.travel import counting, crew
from eventqueue.travel.listing import listed

WHOLE = Lag(0.0)  # the log is not behind itself


class Then:
    """What a Queue shows, as it was at `moment`; see the methods of Queue with the same names.

    Of workers when they last renewed their leases is not known: that is no history.
    """

    def __init__(self, past: Past, views: Views) -> None:
        self.moment = past.moment
        self._past = past
        self._views = views

    def history(self, job_id: str) -> list[Recorded]:
        """Return the events that a job had by then. Raises Refused if it had none."""
        found = [decode(raw) for raw in self._past.history(stream_of("job", job_id))]
        if not found:
            raise Refused(f"Job {job_id} was not there yet: `queuectl history {job_id}` shows since when it is.")
        return found

    def get(self, job_id: str) -> Job:
        """Return a job as its history by then makes it. Raises Refused if it was not there."""
        job = fold(self.history(job_id))
        assert job is not None
        return job

    def list(self, filter_: Filter | None = None) -> Listing:
        """Return jobs, newest first."""
        return Listing([*self.walk(filter_).jobs], WHOLE)

    def walk(self, filter_: Filter | None = None) -> Walk:
        """As `list`, but read some at a time while they are gone through."""
        return Walk(self._jobs(filter_ or Filter()), WHOLE)

    def _jobs(self, filter_: Filter) -> Iterator[Job]:
        for number, job in enumerate(listed(self._past, filter_, lambda: self._count(filter_)), start=1):
            yield job
            if number == filter_.limit:  # and not only once one more was found
                return

    def _count(self, filter_: Filter) -> int:
        found = self.counts()
        queues = found if filter_.queue is None else [filter_.queue]
        return sum(found.get(queue, {}).get(filter_.state or State.PENDING, 0) for queue in queues)

    def counts(self) -> Mapping[str, Counts]:
        """Return the number of jobs by queue and state."""
        return counting.counts(self._past, self._views)

    def paused(self) -> Mapping[str, Pause]:
        """Return the pauses by queue."""
        return crew.paused(self._past)

    def status(self) -> Status:
        """Return counts by queue and state, paused queues, and the workers, without what they ran."""
        return Status(queues=self.counts(), paused=self.paused(), still=(), workers=crew.workers(self._past), lag=WHOLE)

    def queues(self) -> Sequence[QueueStatus]:
        """Return every queue that had had a job by then or was paused, by name."""
        counts, paused = self.counts(), self.paused()
        return [QueueStatus(name, counts.get(name, {}), paused.get(name)) for name in sorted({*counts, *paused})]

    def workers(self) -> Sequence[Worker]:
        """Return the workers that had started and neither left nor were lost, with what they were running."""
        return crew.running(crew.workers(self._past), self.walk(Filter(state=State.PROCESSING, limit=None)).jobs)

    def waits(self, jobs: Sequence[Job]) -> Mapping[str, Wait]:
        """Return, by id, what those of `jobs` waited for that waited to be claimed."""
        waiting = [job for job in jobs if job.due_at is not None]
        if not waiting:
            return {}
        paused, by = self.paused(), served(crew.workers(self._past))
        found = {job.id: wait_of(job, self.moment, paused, by, {}) for job in waiting}
        return {job_id: wait for job_id, wait in found.items() if wait is not None}

    def explain(self, history: Sequence[Recorded]) -> Why:
        """Return why the job with this history was in its state. Of its worker it is believed that it lived."""
        job = fold(history)
        assert job is not None
        wait, holder = self.waits([job]).get(job.id), Holder(renewed_at=self.moment, is_live=True)
        return explain(job, history, Around(now=self.moment, waits=[wait] if wait else [], holder=holder))

    def stats(self, window: timedelta = timedelta(hours=1)) -> Stats:
        """Return what happened in a window that ended then."""
        return self._views.stats(window, self.moment)
