"""What another policy would have changed of recorded failures, and what is assumed of what never was."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from eventqueue.audit.budgets import budgets
from eventqueue.audit.simulation import CHANCES_MAX, Chance, Effects, Policy, Simulated
from eventqueue.model.events import Completed, DeadLettered, Enqueued, Error, Event, Failed, FailReason, Recorded
from eventqueue.model.job import NO_RETRY, Complete, Enqueue, Fail, decide, fold
from tests.builders import (
    BOOM,
    CANCELLED,
    CLAIM,
    DEAD_LETTERED,
    NOW,
    RETRIED_BY_OPERATOR,
    claimed,
    enqueued,
    history,
    request,
)

S = timedelta(seconds=1)


def lost(code: int | None = 7, duration: float | None = 2.0, retry_at: datetime | None = NOW) -> Failed:
    return Failed(reason=FailReason.ERROR, error=BOOM, exit_code=code, duration=duration, retry_at=retry_at)


def asked(**fields: object) -> Enqueued:
    return enqueued(max_retries=1, backoff={"base": 2, "cap": 100, "jitter": 0.5}, **fields)


def dead(*codes: int | None, of: Enqueued | None = None) -> list[Event]:
    """A job that failed with these exit codes, 2 s each time, and then was dead."""
    fails = [event for code in codes[:-1] for event in (claimed(), lost(code))]
    return [of or asked(), *fails, claimed(), lost(codes[-1], retry_at=None), DEAD_LETTERED]


def simulated(policy: Policy, *events: Event) -> Simulated:
    return of_history(policy, history(*events))


def of_history(policy: Policy, recorded: Sequence[Recorded]) -> Simulated:
    found = Simulated(queues={}, chances=[])
    for budget in budgets(recorded):
        if budget.failures:
            found.take(budget, policy)
    return found


def effects(policy: Policy, *events: Event) -> Effects:
    return simulated(policy, *events).queues["default"]


def test_a_dead_job_has_as_many_attempts_more_as_the_policy_has_retries_more() -> None:
    found = simulated(Policy(max_retries=4, base=3), *dead(7, 7))

    assert found.queues["default"] == Effects(
        dead=1,
        chances=1,
        first_at=NOW + 9 * S,  # 3 to the power of 2: it is the second failure
        last_at=NOW + (9 + 2 + 27 + 2 + 81) * S,
        attempts_least=1,
        attempts_most=3,
        seconds_least=2.0,
        seconds_most=6.0,
    )
    assert found.chances == [
        Chance(
            job="one",
            queue="default",
            died_at=NOW,
            first_at=NOW + 9 * S,
            last_at=NOW + 121 * S,
            attempts_most=3,
            attempt_s=2.0,
        )
    ]


def test_what_is_not_given_is_as_each_job_was_asked_for() -> None:
    assert effects(Policy(max_retries=2), *dead(7, 7)).first_at == NOW + 4 * S
    assert effects(Policy(max_retries=2, cap=1.5), *dead(7, 7)).first_at == NOW + 1.5 * S


def test_under_the_same_policy_nothing_changes() -> None:
    assert effects(Policy(max_retries=1), *dead(7, 7)) == Effects(dead=1)


def test_with_fewer_retries_attempts_are_saved_and_jobs_are_lost() -> None:
    done = Completed(duration=5.0)

    assert effects(Policy(max_retries=0), *dead(7, 7)) == Effects(dead=1, sooner=1, attempts_saved=1, seconds_saved=2.0)
    assert effects(Policy(max_retries=0), asked(), claimed(), lost(), claimed(), done) == Effects(
        sooner=1, lost=1, attempts_saved=1, seconds_saved=5.0
    )


def test_by_exit_codes_only_those_are_retried_and_what_has_none() -> None:
    policy = Policy(max_retries=3, exit_codes=frozenset({75}))

    assert effects(policy, *dead(75, 75)).chances == 1
    assert effects(policy, *dead(75, 7)).chances == 0
    assert effects(policy, *dead(None)).chances == 1
    assert effects(policy, *dead(7, 75)) == Effects(dead=1, sooner=1, attempts_saved=1, seconds_saved=2.0)


def test_what_no_retry_would_mend_is_not_retried() -> None:
    events = [asked(), claimed(), lost(127, retry_at=None), DeadLettered(reason=NO_RETRY)]

    assert effects(Policy(max_retries=9), *events) == Effects(dead=1)


def test_what_would_have_expired_by_then_has_no_chance() -> None:
    soon = replace(asked(), expires_at=NOW + 3 * S)

    assert effects(Policy(max_retries=3), *dead(7, 7, of=soon)).chances == 0
    assert effects(Policy(max_retries=3, base=1), *dead(7, 7, of=soon)).chances == 1


def test_a_persons_retry_opens_a_budget_of_its_own_and_a_discarded_job_was_dead() -> None:
    again = [RETRIED_BY_OPERATOR, claimed(), lost(retry_at=None), DEAD_LETTERED, CANCELLED]

    found = effects(Policy(max_retries=1), *dead(7, 7), *again)

    assert (found.dead, found.chances, found.attempts_most) == (2, 1, 1)


def test_a_job_that_is_not_over_yet_has_no_chance_to_be_given() -> None:
    assert effects(Policy(max_retries=9), asked(), claimed(), lost()) == Effects()


def test_a_run_time_that_is_not_recorded_is_measured_from_the_claim() -> None:
    events = [asked(), claimed(), lost(duration=None, retry_at=None), DEAD_LETTERED]
    apart = [replace(one, at=NOW + 3 * place * S) for place, one in enumerate(history(*events))]

    assert of_history(Policy(max_retries=5), apart).queues["default"].seconds_least == 3.0


def test_centuries_between_attempts_end_with_the_calendar() -> None:
    far = Policy(max_retries=1000, base=3e9, cap=3e9)

    assert effects(far, *dead(7)).last_at == datetime.max.replace(tzinfo=NOW.tzinfo)


def test_of_very_many_chances_the_first_are_told_one_by_one() -> None:
    found = Simulated(queues={}, chances=[])
    (budget,) = budgets(history(*dead(7)))
    for _ in range(CHANCES_MAX + 5):
        found.take(budget, Policy(max_retries=2))

    assert (found.queues["default"].chances, len(found.chances)) == (CHANCES_MAX + 5, CHANCES_MAX)


@given(was=st.integers(0, 5), tries=st.integers(0, 5), would=st.integers(0, 5), succeeds=st.booleans())
def test_the_bounds_hold_what_deciding_under_the_policy_would_have_led_to(
    was: int, tries: int, would: int, succeeds: bool
) -> None:
    """Against `decide` itself: a job that fails `tries` times and then succeeds, or fails for ever."""
    fails = tries if succeeds else 99
    recorded, under = lived(was, fails), lived(would, fails)
    found = of_history(Policy(max_retries=would), recorded).queues.get("default", Effects())

    attempts = len(claims(under)) - len(claims(recorded))
    assert found.attempts_least - found.attempts_saved <= attempts <= found.attempts_most - found.attempts_saved
    assert found.lost == (ends(recorded, Completed) and not ends(under, Completed))
    if not succeeds:  # as is assumed
        assert attempts == found.attempts_most - found.attempts_saved
        assert found.chances == (would > was)


def lived(max_retries: int, fails: int) -> list[Recorded]:
    """Return the history of a job that fails so often, and then completes, if it still may."""
    found: list[Recorded] = []
    now = NOW
    events: list[Event] = [*decide(None, Enqueue(request(max_retries=max_retries)), now)]
    error = Error(type="exit-code", message="no")
    while True:
        found += history(*events, head=found[-1].head, now=now) if found else history(*events, now=now)
        job = fold(found)
        assert job is not None
        if job.due_at is None and job.claim is None:
            return found
        now = max(now, job.due_at or now)
        if job.claim is None:
            events = [*decide(job, CLAIM, now)]
        elif job.failures < fails:
            events = [*decide(job, Fail(claim=job.claim, reason=FailReason.ERROR, error=error, duration=1.0), now)]
        else:
            events = [*decide(job, Complete(claim=job.claim, duration=1.0), now)]


def claims(recorded: Sequence[Recorded]) -> list[Recorded]:
    return [one for one in recorded if type(one.event).__name__ == "Claimed"]


def ends(recorded: Sequence[Recorded], kind: type[Event]) -> bool:
    return isinstance(recorded[-1].event, kind)
