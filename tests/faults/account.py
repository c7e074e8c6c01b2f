"""What jobs themselves write down, held against the log: a line for an attempt proves that it ran.

All jobs of a test write to one file, each attempt a line of one write: its job, its number and its claim.
"""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from eventqueue.model.events import Claimed, Completed, Event, name_in
from tests.worker.stage import Stage

COMPLETED = b'"event":"completed"'  # what a worker says at the end of each
LEAD = 200  # jobs that may be there and not have run: as many as run in five seconds
WRITE = 'echo "$QUEUECTL_JOB_ID $QUEUECTL_ATTEMPT $QUEUECTL_CLAIM"'


class Attempt(msgspec.Struct, frozen=True):
    """One run of a job, as the log or the job itself names it."""

    job: str
    number: int
    claim: int


class Account(msgspec.Struct, frozen=True):
    """The log's claims, each with the event that ended it, and what the jobs wrote down."""

    ends: dict[Attempt, Event | None]
    lines: Counter[Attempt]
    workers: set[str]

    @property
    def completed(self) -> set[Attempt]:
        """The attempts that the log has as completed."""
        return {one for one, end in self.ends.items() if isinstance(end, Completed)}


def writing(stage: Stage) -> str:
    """Return a command that writes down which attempt it is."""
    return f"{WRITE} >> {stage.folder}/lines"


def enqueue(stage: Stage, count: int, command: str, **fields: Any) -> list[str]:
    """Enqueue equal jobs, whose retries do not wait; return their ids."""
    fields = {"command": command, "max_retries": 100, "backoff": {"base": 0, "jitter": 0}, **fields}
    receipts = stage.queue.enqueue_many([fields] * count)
    return [receipt.id for receipt in receipts if not isinstance(receipt, Exception)]


@contextmanager
def enqueueing(stage: Stage) -> Iterator[list[str]]:
    """Enqueue jobs that write down that they ran, for as long as the block lasts; yields their ids.

    No faster than they run, on however slow a machine: those left over have to come to their ends after it.
    """
    jobs: list[str] = []
    errors: list[Exception] = []
    ended = threading.Event()

    def enqueue_more() -> None:
        try:
            # The pace of the load, for which nothing waits: sixteen run at a time, and few of them begin or end.
            while not ended.wait(0.25):
                if len(jobs) - _ran(stage) < LEAD:
                    jobs.extend(enqueue(stage, 10, f"sleep 0.4; {writing(stage)}"))
        except Exception as error:
            errors.append(error)

    writer = threading.Thread(target=enqueue_more)
    writer.start()
    try:
        yield jobs
    finally:
        ended.set()
        writer.join()
    assert errors == []


def account(stage: Stage) -> Account:
    """Return what log and jobs say."""
    ends: dict[Attempt, Event | None] = {}
    workers = set()
    claim: tuple[str, Attempt] | None = None
    for recorded in stage.log.scan("job"):
        if claim is not None and claim[0] == recorded.stream:
            ends[claim[1]] = recorded.event
        claim = None
        if isinstance(recorded.event, Claimed):
            attempt = Attempt(name_in(recorded.stream), recorded.event.attempt, recorded.version)
            claim, ends[attempt] = (recorded.stream, attempt), None
            workers.add(recorded.event.worker)
    return Account(ends, _lines(stage), workers)


def _ran(stage: Stage) -> int:
    """How many lines there are, of which the last may be being written."""
    path = stage.folder / "lines"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _lines(stage: Stage) -> Counter[Attempt]:
    path = stage.folder / "lines"
    split = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    return Counter(Attempt(job, int(attempt), int(claim)) for job, attempt, claim in split)


def assert_agreed(stage: Stage, jobs: Sequence[str]) -> Account:
    """Every claim was settled once, no attempt ran twice or without a claim, each job completed once, all is provable.

    Each claim is settled at most once where versions are dense and transitions legal, which the proof holds.
    """
    found = account(stage)
    assert [one for one, end in found.ends.items() if end is None] == []
    assert Counter(one.job for one in found.completed) == Counter(jobs)
    assert set(found.lines) <= set(found.ends)
    assert found.completed <= set(found.lines)
    assert set(found.lines.values()) == {1}
    assert stage.queue.verify_all().findings == ()
    return found
