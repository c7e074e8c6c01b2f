"""A deed, what does it, and how what became of one job is told: to people as a sentence, to programs as a document."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eventqueue.cli.failures import code_of
from eventqueue.cli.session import Session
from eventqueue.errors import QueueError

if TYPE_CHECKING:
    from eventqueue.api.bulk import Bulk, Outcome
    from eventqueue.api.enqueueing import Receipt
    from eventqueue.api.queue import Queue
    from eventqueue.model.deeds import Deed


@dataclass(frozen=True)
class Doing:
    """A deed that somebody has asked for, which `act` does."""

    deed: "Deed"
    act: "Callable[[Queue, Iterable[str]], Bulk]"

    def tell(self, session: Session, queue: "Queue", job_id: str, done: "Receipt") -> None:
        """Tell people what became of one job that was named."""
        said = f"Job {job_id} {self.deed.said}"
        session.out.done(said if done.changed else f"{said} already")
        if self.deed.kills and done.version > 2:  # whose second event is the end never ran
            say_what_still_lives(session, queue, job_id)

    def document(self, job_id: str, outcome: "Outcome") -> dict[str, Any]:
        """Return what became of one job; `job_id`: as it was named."""
        return refused(job_id, outcome) if isinstance(outcome, QueueError) else self.receipt(job_id, outcome)

    def receipt(self, job_id: str, done: "Receipt") -> dict[str, Any]:  # noqa: ARG002
        """As `document`, of one that was not refused."""
        from eventqueue.telling.documents import receipt

        return receipt(done)


def stop(session: Session, acting: "Bulk") -> None:
    """Have no more jobs tried, and say so to who has asked for that."""
    acting.stop()
    session.out.note("It ends once the jobs that are on their way are done; Ctrl-C again does not wait for them.")


def refused(job_id: str, error: QueueError) -> dict[str, Any]:
    """Return why it was not done to one job."""
    from eventqueue.telling.documents import refusal

    return refusal(job_id, str(error), code_of(error))


def doubted(job_id: str) -> dict[str, Any]:
    """Return what there is to say of a job of which nobody knows whether it was done to it."""
    from eventqueue.telling.documents import refusal

    return {**refusal(job_id, "its outcome is unknown", "log-unavailable"), "in_doubt": True}


def say_what_still_lives(session: Session, queue: "Queue", job_id: str) -> None:
    """Say of a cancelled job that its process may not have ended yet, if so; what cannot be read is not said."""
    with suppress(QueueError):
        if (claim := queue.ending(job_id)) is not None:
            session.out.note(
                f"Job {job_id} was running on {claim.host}: its process is being ended; `queuectl logs` then has its "
                "output"
            )
