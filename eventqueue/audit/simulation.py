"""Recorded failures under another policy of retries: who would have had another chance, and what it would cost. Pure.

What did not happen is nowhere recorded. So every answer rests on ASSUMED, and where these leave a span, both its ends
are given: the least, if the first attempt more succeeds, and the most, if all of them fail.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from eventqueue.audit.budgets import Budget, End
from eventqueue.model.events import Failed
from eventqueue.model.retry import Backoff

CHANCES_MAX = 1000  # that are told one by one
LAST = datetime.max.replace(tzinfo=UTC)

ASSUMED = (
    "An attempt that never was is taken to fail like the last one, or to succeed: least is with one attempt more, "
    "which succeeds, most is with all that the policy allows, which fail.",
    "Each attempt more is taken to run as long as the job's failed ones did on average.",
    "Attempts that were are taken to have ended as they did, and when they did, whatever the delays before them.",
    "Nothing is added to a delay by chance, and no slot is waited for.",
    "A failure without an exit code, as of a timeout or a lost worker, is retried whatever exit codes are.",
)


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Another policy; None: as each job was asked for. `exit_codes`: those after which there is a retry, None: all."""

    max_retries: int
    base: float | None = None  # seconds, to the power of the failure's number
    cap: float | None = None  # seconds
    exit_codes: frozenset[int] | None = None

    def backoff(self, asked: Backoff) -> Backoff:
        """Return how long a job would wait that was asked for with another backoff."""
        return Backoff(
            base=asked.base if self.base is None else self.base,
            cap=asked.cap if self.cap is None else self.cap,
            jitter=0.0,
        )

    def retries(self, number: int, failure: Failed) -> bool:
        """Whether there is a retry after failure number `number`, from 1."""
        is_meant = self.exit_codes is None or failure.exit_code is None or failure.exit_code in self.exit_codes
        return number <= self.max_retries and is_meant


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """A dead job that would have had another chance: when it died, and when its next and its last attempt would be."""

    job: str
    queue: str
    died_at: datetime
    first_at: datetime
    last_at: datetime
    attempts_most: int
    attempt_s: float


class Effects(msgspec.Struct, kw_only=True):
    """What a policy would have changed in a queue; times in seconds of run time."""

    dead: int = 0
    chances: int = 0
    first_at: datetime | None = None  # the first of the chances
    last_at: datetime | None = None  # the last attempt, if all fail
    attempts_least: int = 0
    attempts_most: int = 0
    seconds_least: float = 0.0
    seconds_most: float = 0.0
    sooner: int = 0  # jobs that would have been over before attempts that they had
    lost: int = 0  # those of them that completed after all
    attempts_saved: int = 0
    seconds_saved: float = 0.0


class Simulated(msgspec.Struct, kw_only=True):
    """What a policy would have changed, by queue, and the first of the chances."""

    queues: dict[str, Effects]
    chances: list[Chance]
    assumed: Sequence[str] = ASSUMED

    def take(self, budget: Budget, policy: Policy) -> None:
        """Add what the policy would have changed of a budget in which an attempt failed."""
        effects = self.queues.setdefault(budget.enqueued.queue, Effects())
        effects.dead += budget.end is End.DEAD
        over = _over_after(budget, policy)
        if over is not None and (over < len(budget.failures) or budget.end is End.COMPLETED):
            _save(effects, budget, over)
        if over is None and (chance := _chance(budget, policy)) is not None:
            _give(effects, chance)
            if len(self.chances) < CHANCES_MAX:
                self.chances.append(chance)


def _over_after(budget: Budget, policy: Policy) -> int | None:
    """Return the number of the failure after which the policy has no retry, None if it has one after each."""
    for number, failure in enumerate(budget.failures, start=1):
        is_final = budget.is_final and number == len(budget.failures)
        if is_final or not policy.retries(number, failure.event):
            return number
    return None


def _save(effects: Effects, budget: Budget, over: int) -> None:
    has_completed = budget.end is End.COMPLETED
    effects.sooner += 1
    effects.lost += has_completed
    effects.attempts_saved += len(budget.failures) - over + has_completed
    effects.seconds_saved += sum(one.seconds for one in budget.failures[over:]) + budget.completed_s


def _chance(budget: Budget, policy: Policy) -> Chance | None:
    if budget.end is not End.DEAD or not budget.failures:
        return None
    failed, last = len(budget.failures), budget.failures[-1]
    backoff = policy.backoff(budget.enqueued.backoff)
    first_at = _later(last.at, backoff.delay(failed))
    if budget.enqueued.expires_at is not None and budget.enqueued.expires_at <= first_at:
        return None  # it would have been cancelled instead of run
    seconds = sum(one.seconds for one in budget.failures) / failed
    last_at = first_at
    for number in range(failed + 1, policy.max_retries + 1):
        last_at = _later(_later(last_at, _lasting(seconds)), backoff.delay(number))
    return Chance(
        job=budget.job,
        queue=budget.enqueued.queue,
        died_at=last.at,
        first_at=first_at,
        last_at=last_at,
        attempts_most=policy.max_retries + 1 - failed,
        attempt_s=seconds,
    )


def _lasting(seconds: float) -> timedelta:
    try:
        return timedelta(seconds=seconds)
    except (OverflowError, ValueError):  # what somebody has put there is no duration
        return timedelta(0)


def _later(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:  # with centuries between the attempts
        return LAST


def _give(effects: Effects, chance: Chance) -> None:
    effects.chances += 1
    effects.attempts_least += 1
    effects.attempts_most += chance.attempts_most
    effects.seconds_least += chance.attempt_s
    effects.seconds_most += chance.attempt_s * chance.attempts_most
    effects.first_at = min(effects.first_at or chance.first_at, chance.first_at)
    effects.last_at = max(effects.last_at or chance.last_at, chance.last_at)
