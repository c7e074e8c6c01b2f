"""A stored history, state after state."""

from collections.abc import Iterator, Sequence

from eventqueue.model.codec import decode
from eventqueue.model.job import Job, fold


def states(history: Sequence[bytes]) -> Iterator[Job]:
    """Yield the job after each event of its stored history."""
    job: Job | None = None
    for raw in history:
        job = fold([decode(raw)], job)
        assert job is not None
        yield job
