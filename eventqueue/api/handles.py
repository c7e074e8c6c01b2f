"""Handles: a receipt that knows its queue, so that a job can be asked for its result and waited for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

from msgspec.structs import replace

from eventqueue.api.enqueueing import Existing, Receipt
from eventqueue.errors import JobCancelled, JobFailed
from eventqueue.model.durations import Duration
from eventqueue.model.job import FINAL, Job, State

T = TypeVar("T")


class Source(Protocol):
    """What a handle asks: a Queue."""

    def get(self, job_id: str) -> Job:
        """See Queue.get."""
        ...

    def wait(self, job_ids: Iterable[str], timeout: Duration | None = None) -> Sequence[Job]:
        """See Queue.wait."""
        ...


class Held(Receipt, Generic[T], frozen=True, gc=True, eq=False, kw_only=True):
    """The receipt of a job, with which it can be asked for its result; two are equal that are of one job.

    `read`: makes a result of what the log has of it, which is JSON; None: it stays that. `ended`: how the job ended, if
    that is known already, as it is of what `as_completed` yields; it may have been brought back since.
    """

    queue: Any
    read: Callable[[Any], T] | None = None
    ended: Job | None = None

    def made(self, job: Job) -> T:
        """Return the result of the job, which has ended. Raises JobFailed or JobCancelled."""
        value = result_of(job)
        return value if self.read is None else self.read(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Held) and (self.id, self.queue) == (other.id, other.queue)

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"


class Handle(Held[T], Generic[T], frozen=True, gc=True, eq=False, kw_only=True):
    """A receipt that can be asked for the job's result, of a Queue; see Held."""

    queue: Source

    def status(self) -> State:
        """Return the job's state now. Raises JobNotFound."""
        return self.queue.get(self.id).state

    def result(self, timeout: Duration | None = None) -> T:
        """Return the job's result once it is completed: what a task returned, None of a command.

        Raises WaitTimeout after `timeout`, JobFailed for a job that is dead, with the error that it failed with last,
        and JobCancelled.
        """
        return self.made(self.ended or self.queue.wait([self.id], timeout)[0])


def result_of(job: Job) -> Any:
    """Return what a job that has ended left behind. Raises JobFailed or JobCancelled."""
    if job.state is State.CANCELLED:
        raise JobCancelled(job.id)
    if job.state is State.DEAD:
        error = job.last_error
        if error is None:
            raise JobFailed(job.id)
        raise JobFailed(job.id, error.type, error.message, error.traceback, told=error.told)
    return None if job.result is None else job.result.value


def handle_of(receipt: Receipt, queue: Source, read: Callable[[Any], Any] | None = None) -> Handle[Any]:
    """Return the handle of a job that was enqueued."""
    return Handle(
        id=receipt.id,
        stream=receipt.stream,
        version=receipt.version,
        created=receipt.created,
        changed=receipt.changed,
        existing=receipt.existing,
        queue=queue,
        read=read,
    )


def handle_on(job: Job, queue: Source) -> Handle[Any]:
    """Return a handle of a job that there is."""
    existing = Existing(job.state, job.updated_at if job.state in FINAL else None, None)
    return handle_of(Receipt(job.id, job.stream, job.version, changed=False, existing=existing), queue)


def as_ended(handles: Iterable[Handle[T]], jobs: Iterator[Job]) -> Iterator[Handle[T]]:
    """Yield the handle of each of these jobs, which have ended, and which are those of the handles."""
    by_id = {one.id: one for one in handles}
    for job in jobs:
        yield replace(by_id[job.id], ended=job)


def results(handles: Sequence[Handle[T]], ended: Iterable[Handle[T]]) -> list[T]:
    """Return the result of each of the handles, in their order, as they come. Raises the first error that comes."""
    found = {one.id: one.result() for one in ended}
    return [found[one.id] for one in handles]
