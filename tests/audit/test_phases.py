"""A job's life as phases: whatever happened to it, they are all of it, in order, and none of them overlap."""

from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from eventqueue.audit.phases import Kind, phases
from eventqueue.model.events import Claimed, Enqueued, Recorded
from eventqueue.model.job import FINAL, fold
from tests.audit.test_why_histories import histories
from tests.builders import NOW, claimed, enqueued, failed, history

SECOND = timedelta(seconds=1)


def at(seconds: float, one: Recorded) -> Recorded:
    return replace(one, at=NOW + timedelta(seconds=seconds))


@settings(max_examples=500)
@given(lived=histories, begin=st.integers(0, 10))
def test_phases_are_all_of_a_life_without_gap_and_overlap(lived: tuple[list[Recorded], datetime], begin: int) -> None:
    whole, now = lived
    told = whole[min(begin, len(whole) - 1) :]
    job = fold(whole)
    assert job is not None

    found = phases(told, now)

    assert all(one.end >= one.begin for one in found)
    assert all(one.end == after.begin for one, after in pairwise(found))
    has_ended = job.state in FINAL or (job.due_at is None and job.claim is None)
    end = told[-1].at if has_ended else max(now, told[-1].at)
    assert sum((one.lasts for one in found), timedelta(0)) == end - told[0].at
    if found:
        assert (found[0].begin, found[-1].end) == (told[0].at, end)


@settings(max_examples=300)
@given(lived=histories)
def test_each_attempt_is_a_phase_that_its_claim_began(lived: tuple[list[Recorded], datetime]) -> None:
    whole, now = lived

    ran = [one.since.version for one in phases(whole, now) if one.kind is Kind.RUNNING]

    assert ran == [one.version for one in whole if isinstance(one.event, Claimed)]


def test_a_wait_is_for_its_time_first_and_then_for_a_worker() -> None:
    first, second, third = history(
        replace(enqueued(), run_at=NOW + 10 * SECOND), claimed(), failed(retry_at=NOW + 40 * SECOND)
    )
    told = [first, at(15, second), at(20, third)]

    found = phases(told, NOW + 50 * SECOND)

    assert [(one.kind, one.lasts / SECOND) for one in found] == [
        (Kind.LATER, 10),
        (Kind.WAITING, 5),
        (Kind.RUNNING, 5),
        (Kind.BACKOFF, 20),
        (Kind.WAITING, 10),
    ]
    assert isinstance(found[1].since.event, Enqueued)
    assert [one.until and one.until.version for one in found] == [None, 2, 3, None, None]


def test_of_no_event_there_is_no_phase() -> None:
    assert phases([], NOW) == []
