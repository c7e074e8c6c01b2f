"""What is seen to of a job before it is written: that a document can hold it."""

import bson
import pytest
from msgspec.structs import replace

from eventqueue.errors import LogCorrupt
from eventqueue.model.events import Error, Event
from eventqueue.model.job import Job, evolve, fold
from projections.folds import jobs
from projections.folds.jobs import DOCUMENT_MAX, check_size, to_document
from tests.builders import AMENDED, COMPLETED, RETRIED_AFTER_WAIT, RETRY_AMENDED, claimed, enqueued, failed, history

HELD_BY_MONGODB = 16 * 1024 * 1024
MUCH = [0] * 8000  # of which each is a byte, and eleven in a document


def size_of(job: Job) -> int:
    return len(bson.encode(to_document(job)))


def of_size(size: int, *events: Event) -> Job:
    """A job with a document of so many bytes."""
    job = fold(history(*events))
    assert job is not None
    text = "x" * (size - size_of(replace(job, meta={"text": ""})))
    return replace(job, meta={"text": text})


def test_what_small_events_bring_has_room_beside_the_largest_job() -> None:
    job = of_size(DOCUMENT_MAX, enqueued())
    ended = replace(failed(), error=Error(type="E", message="x" * 8000))
    done = replace(COMPLETED, result=MUCH)

    for one in history(claimed(), ended, RETRIED_AFTER_WAIT, claimed(attempt=2), done, head=job.head):
        job = evolve(job, one)
        check_size(job, one.event)

    assert HELD_BY_MONGODB - size_of(job) > 100_000


def test_a_job_is_weighed_where_what_came_is_large_or_gathers() -> None:
    large = of_size(DOCUMENT_MAX + 1, enqueued())

    with pytest.raises(LogCorrupt, match="more than a document"):
        check_size(large, replace(COMPLETED, result="x" * 10_000))
    with pytest.raises(LogCorrupt, match="more than a document"):
        check_size(large, replace(enqueued(), meta=large.meta))
    for event in (AMENDED, RETRY_AMENDED):
        with pytest.raises(LogCorrupt, match="more than a document"):
            check_size(large, event)


def test_an_end_that_brings_little_has_the_job_weighed_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    job = of_size(1000, enqueued(), claimed(), COMPLETED)
    weighed: list[object] = []

    def weigh(one: object) -> bytes:
        weighed.append(one)
        return b""

    monkeypatch.setattr(jobs, "_pack", weigh)
    check_size(job, COMPLETED)
    check_size(job, claimed())

    assert weighed == [COMPLETED]
