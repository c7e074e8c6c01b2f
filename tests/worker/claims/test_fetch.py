"""The open cursor: reads on where it stopped, gives nothing out twice, and is opened again when there is a reason."""

import time
from collections.abc import Sequence
from datetime import timedelta

import pytest

from eventqueue.errors import Unavailable
from eventqueue.model.codec import BUCKETS, bucket_of
from eventqueue.model.job import Job, Release
from eventqueue.ports.finder import Candidate, Candidates, Known, Ready, Share
from eventqueue.worker.claims.fetch import Fetch
from projections.reading.candidates import ViewFinder
from tests.worker.stage import Stage

ALL = [Share("default", range(BUCKETS))]


def fetch_on(stage: Stage) -> Fetch:
    return Fetch(stage.connection.finder, stage.log)


def ids(jobs: Sequence[Job]) -> list[str]:
    return [job.id for job in jobs]


@pytest.fixture
def three(stage: Stage) -> list[str]:
    """Three jobs, in the order in which they are to be claimed."""
    return [stage.enqueue() for _ in range(3)]


def test_it_reads_on_where_it_stopped(stage: Stage, three: list[str]) -> None:
    fetch = fetch_on(stage)

    assert [ids(fetch.take(1, ALL)) for _ in range(4)] == [[three[0]], [three[1]], [three[2]], []]


def test_a_job_is_given_out_once_for_each_of_its_versions(stage: Stage, three: list[str]) -> None:
    fetch = fetch_on(stage)
    assert ids(fetch.take(3, ALL)) == three
    assert fetch.take(3, ALL) == []

    claimed = stage.claim(three[1], "somebody")
    assert stage.append(claimed, Release(claim=2, reason="handed back"))
    stage.project()

    assert ids(fetch.take(3, ALL)) == [three[1]]


def test_a_job_that_was_not_tried_after_all_is_given_out_again(stage: Stage, three: list[str]) -> None:
    fetch = fetch_on(stage)
    fetch.take(3, ALL)

    fetch.forget(three[2])

    assert ids(fetch.take(3, ALL)) == []  # at its end the cursor is closed
    assert ids(fetch.take(3, ALL)) == [three[2]]


def test_it_keeps_to_the_buckets_it_is_given(stage: Stage, three: list[str]) -> None:
    fetch = fetch_on(stage)

    assert fetch.take(3, [Share("default", [])]) == []
    assert len(fetch.take(3, ALL)) == 3


def test_where_reading_fails_nothing_counts_as_tried(stage: Stage, three: list[str]) -> None:
    class Breaking:
        """A cursor that dies in the middle."""

        def __init__(self, cursor: Candidates) -> None:
            self._cursor = cursor
            self._breaks = False

        def take(self, limit: int, is_known: Known) -> list[Candidate]:
            if self._breaks:
                raise Unavailable("away")
            self._breaks = True
            return self._cursor.take(1, is_known)

        def close(self) -> None:
            self._cursor.close()

    class BreakingFinder(ViewFinder):
        breaks = True

        def candidates(self, shares: Sequence[Share], batch: int) -> Candidates:
            cursor = super().candidates(shares, batch)
            return Breaking(cursor) if self.breaks else cursor

    finder = BreakingFinder(stage.connection.ground.database)
    fetch = Fetch(finder, stage.log)
    with pytest.raises(Unavailable):
        fetch.take(3, ALL)

    finder.breaks = False
    assert ids(fetch.take(3, ALL)) == three


def test_a_signal_of_something_before_its_position_is_a_reason_to_open_it_again(stage: Stage) -> None:
    for priority in (5, 5, 1):
        stage.enqueue(priority=priority)
    fetch = fetch_on(stage)
    at = fetch.take(1, ALL)[0].due_at
    assert at
    soon, earlier = at + timedelta(seconds=1), at - timedelta(seconds=1)

    assert fetch.waits_for(Ready("default", 6, soon))
    assert fetch.waits_for(Ready("default", 5, earlier))
    assert not fetch.waits_for(Ready("default", 5, soon))
    assert not fetch.waits_for(Ready("default", 4, earlier))


def test_without_an_open_cursor_every_signal_counts(stage: Stage) -> None:
    now = stage.connection.ground.clock.now()

    assert fetch_on(stage).waits_for(Ready("any", 0, now))


def test_a_signal_of_another_queue_is_a_reason_too(stage: Stage, three: list[str]) -> None:
    fetch = fetch_on(stage)
    (job,) = fetch.take(1, [Share("first", range(BUCKETS)), *ALL])
    assert job.due_at

    assert fetch.waits_for(Ready("first", -100, job.due_at + timedelta(days=1)))


def test_it_is_opened_again_after_a_second_and_sees_what_came_before_its_position(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, last = stage.enqueue(priority=5), stage.enqueue(priority=1)
    fetch = fetch_on(stage)
    assert ids(fetch.take(1, ALL)) == [first]
    urgent = stage.enqueue(priority=9)

    monkeypatch.setattr("eventqueue.worker.claims.fetch.REOPEN_S", 0.0)

    assert ids(fetch.take(2, ALL)) == [urgent, last]


def test_tries_that_were_made_before_a_moment_are_forgotten(stage: Stage, three: list[str]) -> None:
    fetch = fetch_on(stage)
    fetch.take(1, ALL)
    moment = time.monotonic()
    fetch.take(2, ALL)
    fetch.close()

    fetch.forget_before(moment)

    assert ids(fetch.take(3, ALL)) == three[:1]


def test_what_can_never_be_run_here_is_not_forgotten_with_time(stage: Stage, three: list[str]) -> None:
    fetch = fetch_on(stage)
    fetch.take(3, ALL)
    fetch.pass_over(three[:2])
    fetch.close()

    fetch.forget_before(time.monotonic())

    assert ids(fetch.take(3, ALL)) == three[2:]


def test_once_the_views_were_switched_all_are_read_again(stage: Stage, three: list[str]) -> None:
    fetch = fetch_on(stage)
    fetch.take(3, ALL)
    fetch.pass_over(three[:2])

    fetch.forget_all()

    assert ids(fetch.take(3, ALL)) == three


def test_where_more_would_have_to_be_remembered_than_fits_all_are_read_once_more(
    stage: Stage, three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.worker.claims.fetch.PASSED_MAX", 2)
    fetch = fetch_on(stage)
    fetch.take(3, ALL)
    fetch.pass_over(three[:2])
    fetch.pass_over(three[2:])
    fetch.close()

    assert ids(fetch.take(3, ALL)) == three[:2]


def test_queues_are_read_strictly_in_the_order_that_is_given(stage: Stage) -> None:
    urgent, plain = stage.enqueue(queue="b", priority=100), stage.enqueue(queue="a")

    assert ids(fetch_on(stage).take(5, [Share("a", range(BUCKETS)), Share("b", range(BUCKETS))])) == [plain, urgent]


def test_each_queue_is_read_in_its_own_buckets(stage: Stage) -> None:
    jobs = {queue: stage.enqueue(queue=queue, id=f"job-of-{queue}") for queue in ("a", "b")}
    shares = [
        Share("a", range(BUCKETS)),
        Share("b", [one for one in range(BUCKETS) if one != bucket_of("job-job-of-b")]),
    ]

    assert ids(fetch_on(stage).take(5, shares)) == [jobs["a"]]


def test_it_is_opened_again_when_it_is_to_read_from_something_else(stage: Stage) -> None:
    jobs = [stage.enqueue(queue=queue) for queue in ("a", "a", "b", "b")]
    both = [Share("a", range(BUCKETS)), Share("b", range(BUCKETS))]
    fetch = fetch_on(stage)
    assert ids(fetch.take(1, both)) == jobs[:1]

    assert ids(fetch.take(4, [Share("b", range(BUCKETS))])) == jobs[2:]
    assert ids(fetch.take(4, both)) == [jobs[1]]
