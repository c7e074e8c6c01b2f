"""What each event makes of a job; `evolve` refuses nothing that has happened."""

import typing
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import asdict, replace

from eventqueue.errors import LogCorrupt
from eventqueue.model.events import Event, JobEvent, Retried, RetryCause, Shell, type_of
from eventqueue.model.job import FINAL, Command, Job, Result, Retry, State, decide, evolve, fold
from eventqueue.model.retry import LONGEST_S, Backoff
from tests.builders import (
    AMENDED,
    BOOM,
    CANCELLED,
    CLAIM,
    COMPLETED,
    DEAD_LETTERED,
    JOURNEYS,
    NOW,
    RELEASED,
    RETRIED_AFTER_WAIT,
    RETRIED_BY_OPERATOR,
    RETRY_AMENDED,
    SOON,
    USED_UP_FAILURE,
    claimed,
    enqueued,
    failed,
    history,
    job,
    job_that_is,
)

HELD_NO_MORE = {"claim": None, "worker": None, "claimed_at": None}
AFTER_EVERY_EVENT = {"updated_at", "version", "hash"}
ONE_OF_EACH = [
    *(enqueued(), claimed(), COMPLETED, failed(), RETRIED_BY_OPERATOR, DEAD_LETTERED, RELEASED, CANCELLED),
    *(AMENDED, RETRY_AMENDED),
]


def changes(*events: Event) -> dict[str, Any]:
    """Return the fields that the last of `events` changed, beside those that every event changes."""
    before, after = asdict(job(*events[:-1])), asdict(job(*events))
    return {name: after[name] for name in after if before[name] != after[name] and name not in AFTER_EVERY_EVENT}


def test_enqueued_makes_a_pending_job_with_all_that_was_resolved() -> None:
    event = enqueued(
        command="make",
        queue="mail",
        priority=5,
        delay=60,
        max_retries=7,
        timeout=30,
        backoff={"base": 3},
        tags=["a"],
        group="g",
        meta={"n": 1},
        correlation="c",
        key="k",
        env={"A": "1"},
        cwd="/srv",
        expires_at="2027-01-01T00:00:00Z",
    )
    (recorded,) = history(event, stream="job-0199-a")

    assert evolve(None, recorded) == Job(
        id="0199-a",
        state=State.PENDING,
        queue="mail",
        run=Shell(command="make", env={"A": "1"}, cwd="/srv"),
        priority=5,
        run_at=SOON,
        due_at=SOON,
        expires_at=NOW.replace(year=2027),
        max_retries=7,
        backoff=Backoff(base=3.0),
        timeout=30.0,
        key="k",
        tags=("a",),
        group="g",
        meta={"n": 1},
        correlation="c",
        attempts=0,
        failures=0,
        claim=None,
        worker=None,
        claimed_at=None,
        last_error=None,
        result=None,
        created_at=NOW,
        updated_at=NOW,
        version=1,
        hash=recorded.hash,
    )


def test_claimed_gives_the_job_to_a_worker_under_the_version_of_its_claim() -> None:
    assert changes(enqueued(), claimed()) == {
        "state": State.PROCESSING,
        "attempts": 1,
        "claim": 2,
        "worker": "worker-1",
        "claimed_at": NOW,
        "due_at": None,
    }


def test_completed_ends_the_job_with_its_result() -> None:
    assert changes(enqueued(), claimed(), COMPLETED) == {
        **HELD_NO_MORE,
        "state": State.COMPLETED,
        "result": Result(value="done", exit_code=0, duration=1.5),
    }


def test_failed_keeps_the_error_and_is_due_again_at_its_retry() -> None:
    assert changes(enqueued(), claimed(), failed()) == {
        **HELD_NO_MORE,
        "state": State.FAILED,
        "due_at": SOON,
        "failures": 1,
        "last_error": BOOM,
    }


def test_failed_without_a_retry_is_never_due() -> None:
    assert changes(enqueued(), claimed(), USED_UP_FAILURE) == {
        **HELD_NO_MORE,
        "state": State.FAILED,
        "failures": 1,
        "last_error": BOOM,
    }


def test_dead_lettered_changes_the_state_alone() -> None:
    assert changes(enqueued(), claimed(), USED_UP_FAILURE, DEAD_LETTERED) == {"state": State.DEAD}


def test_retried_after_its_wait_is_due_at_once_and_still_counts_its_failures() -> None:
    assert changes(enqueued(), claimed(), failed(), RETRIED_AFTER_WAIT) == {"state": State.PENDING, "due_at": NOW}


def test_retried_by_an_operator_counts_its_failures_anew_but_its_attempts_on() -> None:
    path = (enqueued(), claimed(), failed(), RETRIED_BY_OPERATOR)

    assert changes(*path) == {"state": State.PENDING, "due_at": NOW, "failures": 0}
    assert job(*path).attempts == 1


def test_released_is_due_again_and_its_attempt_does_not_count() -> None:
    assert changes(enqueued(), claimed(), RELEASED) == {
        **HELD_NO_MORE,
        "state": State.PENDING,
        "due_at": SOON,
        "attempts": 0,
    }


@pytest.mark.parametrize("kind", ["pending", "failed, to be retried", "processing", "dead"])
def test_cancelled_is_due_no_more_and_held_by_nobody(kind: str) -> None:
    cancelled = job(*JOURNEYS[kind], CANCELLED)

    assert (cancelled.state, cancelled.due_at, cancelled.claim, cancelled.worker) == (State.CANCELLED, *[None] * 3)


def test_every_event_moves_the_job_to_its_own_version_hash_and_time() -> None:
    first, second = history(enqueued(), claimed())
    later = history(COMPLETED, head=second.head, now=SOON)[0]

    for before, recorded in [([], first), ([first], second), ([first, second], later)]:
        after = evolve(fold(before), recorded)

        assert (after.version, after.hash, after.updated_at) == (recorded.version, recorded.hash, recorded.at)
        assert after.head == recorded.head
        assert after.created_at == NOW


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=type_of)
@pytest.mark.parametrize("kind", [kind for kind in JOURNEYS if kind != "not there"])
def test_no_event_that_was_recorded_is_refused_whatever_state_it_meets(kind: str, event: Event) -> None:
    before = job_that_is(kind)
    assert before is not None
    (recorded,) = history(event, head=before.head)

    assert evolve(before, recorded).version == before.version + 1


def test_the_events_here_are_all_that_can_happen_to_a_job() -> None:
    assert {type(event) for event in ONE_OF_EACH} == set(typing.get_args(JobEvent))


@pytest.mark.parametrize("event", ONE_OF_EACH[1:], ids=type_of)
def test_a_stream_that_does_not_begin_with_enqueued_is_corrupt(event: Event) -> None:
    (recorded,) = history(event)

    with pytest.raises(LogCorrupt, match="job-one"):
        evolve(None, recorded)


@pytest.mark.parametrize("kind", JOURNEYS)
def test_a_fold_may_go_on_from_any_prefix(kind: str) -> None:
    events = history(*JOURNEYS[kind])

    for cut in range(len(events) + 1):
        assert fold(events[cut:], fold(events[:cut])) == fold(events)


def test_the_fold_of_nothing_is_no_job() -> None:
    assert fold([]) is None


@pytest.mark.parametrize("kind", [kind for kind in JOURNEYS if kind != "not there"])
def test_a_job_is_claimable_where_it_waits_and_nowhere_else(kind: str) -> None:
    one = job_that_is(kind)
    assert one is not None

    waits = one.state is State.PENDING or kind.startswith("failed, to be retried")
    assert one.claimable == waits == (one.due_at is not None)
    assert not (one.claimable and one.state in FINAL)


@pytest.mark.parametrize("kind", [kind for kind in JOURNEYS if kind != "not there"])
def test_a_job_has_a_holder_while_it_runs_and_only_then(kind: str) -> None:
    one = job_that_is(kind)
    assert one is not None

    runs = one.state is State.PROCESSING
    assert [one.claim is not None, one.worker is not None, one.claimed_at is not None] == [runs] * 3


def test_a_job_knows_its_stream() -> None:
    assert job(enqueued()).stream == "job-one"


def test_a_job_claimed_late_was_claimed_when_the_log_says() -> None:
    first = history(enqueued())
    second = history(claimed(), head=first[-1].head, now=NOW + timedelta(hours=1))
    running = fold([*first, *second])

    assert running is not None
    assert running.claimed_at == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("events", "command"),
    [
        ((enqueued(), claimed(), failed(retry_at=NOW)), CLAIM),
        ((enqueued(), claimed(), USED_UP_FAILURE, DEAD_LETTERED), Retry("mended")),
        ((enqueued(), CANCELLED), Retry("wanted after all")),
    ],
)
def test_a_retry_is_due_when_it_was_decided_though_the_clock_was_set_back_meanwhile(
    events: tuple[Event, ...], command: Command
) -> None:
    later = NOW + timedelta(hours=1)
    before = fold(history(*events, now=later))
    assert before is not None

    first = decide(before, command, NOW)[0]
    (retried,) = history(first, head=before.head, now=NOW)

    assert retried.at == later  # a stream's time never runs backwards
    after = fold([retried], before)
    assert after is not None
    assert after.due_at == NOW


def test_a_retry_by_a_clock_that_goes_on_is_due_at_its_own_time_and_says_no_more() -> None:
    before = fold(history(enqueued(), CANCELLED))
    assert before is not None

    assert decide(before, Retry("again"), SOON) == [Retried(cause=RetryCause.OPERATOR, why="again")]


@pytest.mark.parametrize("timeout", [float("nan"), float("inf"), 1e300, -1.0, 0.0])
def test_a_timeout_that_a_hand_has_put_there_is_one_that_can_be_waited_for(timeout: float) -> None:
    assert job(replace(enqueued(), timeout=timeout)).timeout == LONGEST_S
    assert job(replace(enqueued(), timeout=1.5)).timeout == 1.5
