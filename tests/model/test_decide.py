"""Every state against every command: what may happen to a job, and that nothing else does."""

import typing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventqueue.errors import IllegalTransition
from eventqueue.model import job as job_module
from eventqueue.model.codec import decode
from eventqueue.model.events import (
    Amended,
    Cancelled,
    Claimed,
    Completed,
    DeadLettered,
    Enqueued,
    Event,
    Failed,
    FailReason,
    JobEvent,
    Released,
    Retried,
    RetryAmended,
    RetryCause,
    type_of,
)
from eventqueue.model.job import (
    LEGAL,
    Cancel,
    Claim,
    Command,
    DeadLetter,
    Discard,
    Enqueue,
    Fail,
    Job,
    Release,
    Retry,
    Settle,
    decide,
    fold,
)
from tests.builders import (
    BEFORE,
    BOOM,
    CANCELLED,
    CLAIM,
    JOURNEYS,
    NOW,
    RELEASED,
    RETRIED_AFTER_WAIT,
    RETRIED_BY_OPERATOR,
    SOON,
    amend,
    claimed,
    complete,
    enqueued,
    fail,
    failed,
    history,
    job,
    job_that_is,
    release,
    request,
    sealed,
)

HELD = 2  # the claim of every journey that ends in processing
COMMANDS: dict[str, Command] = {
    "enqueue": Enqueue(request()),
    "claim": CLAIM,
    "complete": complete(HELD),
    "complete another claim": complete(HELD + 1),
    "fail": fail(HELD),
    "fail another claim": fail(HELD - 1),
    "release": release(HELD),
    "release another claim": release(HELD + 2),
    "discard": Discard(claim=HELD, why="the order is gone"),
    "discard another claim": Discard(claim=HELD + 1, why="the order is gone"),
    "cancel": Cancel("no longer needed"),
    "retry": Retry("the bug is mended"),
    "amend": amend(priority=5),
    "amend to what it is": amend(priority=0, queue="default", command="true", tags=[]),
    "dead-letter": DeadLetter(),
}
ALLOWED: dict[tuple[str, str], list[type[Event]]] = {
    ("not there", "enqueue"): [Enqueued],
    ("pending", "claim"): [Claimed],
    ("pending", "cancel"): [Cancelled],
    ("pending, expired", "claim"): [Cancelled],
    ("pending, expired", "cancel"): [Cancelled],
    ("processing", "complete"): [Completed],
    ("processing", "fail"): [Failed],
    ("processing", "release"): [Released],
    ("processing", "discard"): [Cancelled],
    ("processing", "cancel"): [Cancelled],
    ("processing, its retries used up", "complete"): [Completed],
    ("processing, its retries used up", "fail"): [Failed, DeadLettered],
    ("processing, its retries used up", "release"): [Released],
    ("processing, its retries used up", "discard"): [Cancelled],
    ("processing, its retries used up", "cancel"): [Cancelled],
    ("failed, to be retried", "claim"): [Retried, Claimed],
    ("failed, to be retried", "cancel"): [Cancelled],
    ("failed, to be retried", "retry"): [Retried],
    ("failed, to be retried, expired", "claim"): [Cancelled],
    ("failed, to be retried, expired", "cancel"): [Cancelled],
    ("failed, to be retried, expired", "retry"): [Retried],
    ("failed, not yet dead-lettered", "cancel"): [Cancelled],
    ("failed, not yet dead-lettered", "retry"): [Retried],
    ("failed, not yet dead-lettered", "dead-letter"): [DeadLettered],
    ("dead", "cancel"): [Cancelled],
    ("dead", "retry"): [Retried],
    ("pending", "amend"): [Amended],
    ("pending", "amend to what it is"): [],
    ("pending, expired", "amend"): [Amended],
    ("pending, expired", "amend to what it is"): [],
    ("failed, to be retried", "amend"): [RetryAmended],
    ("failed, to be retried", "amend to what it is"): [],
    ("failed, to be retried, expired", "amend"): [RetryAmended],
    ("failed, to be retried, expired", "amend to what it is"): [],
    ("cancelled", "cancel"): [],  # who asks wants it to be so
    ("cancelled", "retry"): [Retried],
}
TABLE = [(kind, command) for kind in JOURNEYS for command in COMMANDS]


def test_the_tables_here_know_every_state_every_command_and_every_event() -> None:
    jobs = [found for kind in JOURNEYS if (found := job_that_is(kind))]

    assert {one.state for one in jobs} == set(job_module.State)
    assert {type(command) for command in COMMANDS.values()} == set(typing.get_args(Command))
    assert {kind for events in ALLOWED.values() for kind in events} == set(typing.get_args(JobEvent)) == set(LEGAL)


@pytest.mark.parametrize(("kind", "command"), [pair for pair in TABLE if pair in ALLOWED])
def test_what_is_allowed_leads_to_exactly_these_events(kind: str, command: str) -> None:
    events = decide(job_that_is(kind), COMMANDS[command], NOW)

    assert [type(event) for event in events] == ALLOWED[kind, command]


@pytest.mark.parametrize(("kind", "command"), [pair for pair in TABLE if pair not in ALLOWED])
def test_everything_else_is_refused_in_words_for_a_person(kind: str, command: str) -> None:
    with pytest.raises(IllegalTransition, match=r"^Cannot [a-z-]+ (a job that does not exist|job one: .+)\.$"):
        decide(job_that_is(kind), COMMANDS[command], NOW)


@pytest.mark.parametrize(("kind", "command"), ALLOWED)
def test_what_is_decided_is_legal_in_the_table_that_audits_use(kind: str, command: str) -> None:
    before = job_that_is(kind)
    head = history(*JOURNEYS[kind])[-1].head if before else history(enqueued())[0].head

    for event in decide(before, COMMANDS[command], NOW):
        come_from, lead_to = LEGAL[type(event)]
        after = fold(history(event, head=head), before)

        assert after is not None
        assert (before and before.state) in come_from
        assert after.state == lead_to
        before, head = after, after.head


def test_every_legal_transition_can_happen() -> None:
    happened = set()
    for kind, command in ALLOWED:
        state = (found := job_that_is(kind)) and found.state
        for event in decide(found, COMMANDS[command], NOW):
            happened.add((state, type(event)))
            state = LEGAL[type(event)][1]

    assert happened == {(state, event) for event, (come_from, _) in LEGAL.items() for state in come_from}


# The fence.


@pytest.mark.parametrize("settle", [complete, fail, release])
@pytest.mark.parametrize("claim", [*range(-1, 6), 8, 2**31])
def test_a_claim_can_be_settled_only_while_it_is_the_one_held(
    settle: typing.Callable[[int], Settle], claim: int
) -> None:
    held_again = job(enqueued(), claimed(), failed(), RETRIED_AFTER_WAIT, claimed(), RELEASED, claimed("worker-2"))

    assert held_again.claim == 7
    with pytest.raises(IllegalTransition, match=f"claim {claim} is over, claim 7 holds it"):
        decide(held_again, settle(claim), NOW)
    assert decide(held_again, settle(7), NOW)


@pytest.mark.parametrize("kind", ["completed", "dead", "cancelled", "pending", "failed, to be retried"])
@pytest.mark.parametrize("settle", [complete, fail, release])
def test_a_claim_that_has_ended_can_never_be_settled_again(kind: str, settle: typing.Callable[[int], Settle]) -> None:
    with pytest.raises(IllegalTransition):
        decide(job_that_is(kind), settle(HELD), NOW)


# The budget of retries.


def attempts_until_dead(one: Job) -> int:
    """Fail every attempt until the job is dead; return how many there were."""
    attempts = 0
    while one.state is not job_module.State.DEAD:
        one = happen(one, CLAIM)
        assert one.claim is not None
        one = happen(one, fail(one.claim))
        attempts += 1
    return attempts


def happen(one: Job, command: Command) -> Job:
    after = fold(history(*decide(one, command, NOW), head=one.head), one)
    assert after is not None
    return after


@pytest.mark.parametrize("max_retries", [0, 1, 3, 20])
def test_a_job_is_attempted_once_and_then_as_often_as_it_has_retries(max_retries: int) -> None:
    assert attempts_until_dead(job(enqueued(max_retries=max_retries))) == 1 + max_retries


@pytest.mark.parametrize("kind", ["dead", "cancelled", "failed, to be retried", "failed, not yet dead-lettered"])
def test_an_operators_retry_opens_a_new_budget(kind: str) -> None:
    one = job_that_is(kind)
    assert one is not None

    retried = happen(one, Retry("the bug is mended"))

    assert attempts_until_dead(retried) == 1 + one.max_retries


def test_a_released_attempt_is_not_counted() -> None:
    once = happen(job(enqueued(max_retries=1)), CLAIM)
    assert once.claim is not None
    released = happen(once, release(once.claim))

    assert (released.attempts, released.failures) == (0, 0)
    assert attempts_until_dead(released) == 2


def test_the_attempt_number_goes_on_after_a_failure_and_repeats_after_a_release() -> None:
    (after_release,) = decide(job(enqueued(), claimed(attempt=1), RELEASED), CLAIM, NOW)
    _, after_failure = decide(job(enqueued(), claimed(attempt=1), failed()), CLAIM, NOW)
    (after_retry,) = decide(job(enqueued(), claimed(attempt=1), failed(), RETRIED_BY_OPERATOR), CLAIM, NOW)

    assert isinstance(after_release, Claimed)
    assert isinstance(after_failure, Claimed)
    assert isinstance(after_retry, Claimed)
    assert (after_release.attempt, after_failure.attempt, after_retry.attempt) == (1, 2, 2)


# What the events say.


def test_a_claim_names_the_worker_that_holds_it() -> None:
    assert decide(job(enqueued()), Claim("worker-7", "host-7", 77), NOW) == [
        Claimed(worker="worker-7", host="host-7", pid=77, attempt=1)
    ]


def test_a_job_picked_up_after_its_wait_says_that_nobody_asked_for_it() -> None:
    retried, _ = decide(job_that_is("failed, to be retried"), CLAIM, NOW)

    assert retried == Retried(cause=RetryCause.BACKOFF)


def test_an_operators_retry_says_why() -> None:
    assert decide(job_that_is("dead"), Retry("mended"), NOW) == [Retried(cause=RetryCause.OPERATOR, why="mended")]


def test_a_claim_does_not_ask_whether_the_job_is_due() -> None:
    tomorrow = job(enqueued(delay=86_400))

    assert [type(event) for event in decide(tomorrow, CLAIM, NOW)] == [Claimed]


@pytest.mark.parametrize(("seconds", "expected"), [(-1, Claimed), (0, Cancelled), (1, Cancelled)])
def test_a_job_is_expired_from_the_very_moment_on(seconds: int, expected: type[Event]) -> None:
    expiring = job(replace(enqueued(), expires_at=SOON))

    (event,) = decide(expiring, CLAIM, SOON + timedelta(seconds=seconds))

    assert type(event) is expected


def test_a_job_cancelled_for_its_age_says_so() -> None:
    assert decide(job_that_is("pending, expired"), CLAIM, NOW) == [Cancelled(why="expired")]


def test_of_what_has_expired_it_is_not_said_that_a_retry_has_it_run_again() -> None:
    ended = job(replace(enqueued(), expires_at=SOON), CANCELLED)

    with pytest.raises(IllegalTransition, match="it is cancelled; `queuectl retry` has it run again, and `queuectl re"):
        decide(ended, amend(priority=7), SOON - timedelta(seconds=1))
    with pytest.raises(IllegalTransition, match="it is cancelled, and has expired; `queuectl restart` has a new job"):
        decide(ended, amend(priority=7), SOON)


def test_a_claim_that_is_held_may_be_settled_after_the_job_expired() -> None:
    running = job(replace(enqueued(), expires_at=BEFORE), claimed())

    assert [type(event) for event in decide(running, complete(HELD), NOW)] == [Completed]


@pytest.mark.parametrize(("failures", "wait"), [(0, 2), (1, 4), (2, 8)])
def test_each_failure_waits_longer(failures: int, wait: int) -> None:
    once = (RETRIED_AFTER_WAIT, claimed(), failed())
    running = job(enqueued(max_retries=9), claimed(), *((failed(), *once * (failures - 1)) if failures else ()))
    running = happen(running, CLAIM) if failures else running
    assert running.claim is not None

    (event,) = decide(running, fail(running.claim), NOW)

    assert isinstance(event, Failed)
    assert event.retry_at == NOW + timedelta(seconds=wait)


def test_chance_spreads_the_retries_of_a_crowd() -> None:
    (event,) = decide(job_that_is("processing"), fail(HELD, chance=1.0), NOW)

    assert isinstance(event, Failed)
    assert event.retry_at == NOW + timedelta(seconds=2.2)


def test_a_failure_that_says_itself_how_long_to_wait_waits_so_long() -> None:
    (event,) = decide(job_that_is("processing"), replace(fail(HELD, chance=1.0), delay=timedelta(minutes=5)), NOW)

    assert isinstance(event, Failed)
    assert event.retry_at == NOW + timedelta(minutes=5)


def test_how_long_to_wait_opens_no_further_retry() -> None:
    used_up = job_that_is("processing, its retries used up")

    assert [type(one) for one in decide(used_up, replace(fail(HELD), delay=timedelta(0)), NOW)] == [
        Failed,
        DeadLettered,
    ]


def test_a_lost_worker_is_named_with_who_buried_it() -> None:
    command = Fail(claim=HELD, reason=FailReason.WORKER_LOST, error=BOOM, renewed_at=BEFORE, buried_by="worker-9")

    (event,) = decide(job_that_is("processing"), command, NOW)

    assert isinstance(event, Failed)
    assert (event.worker, event.renewed_at, event.buried_by) == ("worker-1", BEFORE, "worker-9")


def test_a_failure_of_its_own_making_does_not_blame_the_worker() -> None:
    (event,) = decide(job_that_is("processing"), fail(HELD), NOW)

    assert isinstance(event, Failed)
    assert event.worker is None


def test_a_snoozed_job_is_due_after_its_delay() -> None:
    snooze = Release(claim=HELD, reason="snooze", delay=timedelta(minutes=5))

    assert decide(job_that_is("processing"), snooze, NOW) == [
        Released(reason="snooze", due_at=NOW + timedelta(minutes=5))
    ]


@given(
    st.sampled_from(sorted(ALLOWED)),
    st.datetimes(datetime(2026, 1, 1), datetime(2099, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - zone beside it
    st.timedeltas(timedelta(0), timedelta(days=1)),
)
def test_what_is_decided_is_what_the_log_gives_back(pair: tuple[str, str], at: datetime, wait: timedelta) -> None:
    # Whoever folds an append that was acknowledged must come to the state that every reader of the log comes to.
    kind, name = pair
    command = COMMANDS[name]
    if isinstance(command, Release):
        command = replace(command, delay=wait)
    if name == "enqueue":
        command = Enqueue(request(delay=wait.total_seconds()))

    for one in sealed(*decide(job_that_is(kind), command, at)):
        assert decode(one.raw).event == one.recorded.event, type_of(one.recorded.event)


def test_a_cancelled_job_says_why() -> None:
    assert decide(job_that_is("processing"), Cancel("no longer needed"), NOW) == [CANCELLED]
