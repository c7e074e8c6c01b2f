"""The workers of a run: each claims, runs and settles step by step, and which of them is next is picked by chance.

What they append is what workers append, decided and settled by the same code; what befalls them is a list of faults.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar

from eventqueue.errors import InvalidInput, InvariantBroken, LogUnavailable
from eventqueue.model.codec import seal
from eventqueue.model.job import Claim, Command, Job, State, decide, fold
from eventqueue.mongo.incarnations import Incarnation
from eventqueue.ports.log import Append
from eventqueue.testing.attempt import Attempt
from eventqueue.testing.connection import MemoryConnection, worker
from eventqueue.testing.faults import Chance, Fault
from eventqueue.testing.prospects import Prospects
from eventqueue.testing.ticks import tick
from eventqueue.worker import outcome
from eventqueue.worker.late import record_late
from eventqueue.worker.life.rescue import lost_claim
from eventqueue.worker.running.reports import Ended

STEPS_MAX = 100_000  # of a run; one that goes on is taken for one without an end

Step = Callable[[], None]
T = TypeVar("T")


@dataclass
class Hand:
    """A worker with its one slot: what it holds, as its claim left it, and how that ended."""

    me: Incarnation
    number: int
    life: int = 1
    job: Job | None = None
    ended: Ended | None = None


@dataclass(frozen=True)
class Given:
    """A claim that its worker lost; `ended`: with an outcome that is yet to come."""

    job: Job
    ended: Ended | None
    me: Incarnation


class Crew:
    """So many workers on one log."""

    def __init__(self, connection: MemoryConnection, prospects: Prospects, chance: Chance, workers: int) -> None:
        self.attempts = 0
        self._connection = connection
        self._ground = connection.ground
        self._outputs = connection.outputs
        self._prospects = prospects
        self._chance = chance
        self._hands = [Hand(worker(number), number) for number in range(1, workers + 1)]
        self._lost: list[Given] = []
        self._late: list[Given] = []
        self._steps = 0

    def work(self, *, until_empty: bool) -> None:
        """Work while there is anything to do; `until_empty`: also what is due later, for which time passes.

        Raises InvariantBroken where that has no end, or what a task asserted in vain.
        """
        while True:
            self._prospects.look(self._chance.behind())
            steps = self._steps_now() or self._steps_at_the_end()
            if steps:
                self._step(self._chance.pick(steps))
            elif answered(lambda: tick(self._connection)):
                continue
            elif until_empty and (then := self._prospects.next_due()) is not None:
                self._ground.clock.advance_to(then)
            else:
                return

    def once(self, job_id: str) -> Hand:
        """Claim a job, run it, and return who holds it then, with how it ended; for one that waits, when it is due."""
        self._prospects.look(0)
        job, hand = self._prospects.job(job_id), self._hands[0]
        assert job.due_at is not None
        self._ground.clock.advance_to(job.due_at)
        self._claim(hand, job)
        self._run(hand)
        return hand

    def crash(self, hand: Hand) -> None:
        """Have a worker die with what it holds, and its claim given up."""
        self._lose(hand, None)
        self._bring_back(self._lost[-1])

    def _steps_at_the_end(self) -> Sequence[Step]:
        self._prospects.look(0)  # the projector is late, and comes all the same
        return self._steps_now()

    def _steps_now(self) -> Sequence[Step]:
        ready = self._prospects.next() if any(hand.job is None for hand in self._hands) else None
        steps: list[Step] = []
        for hand in self._hands:
            if hand.job is not None:
                steps.append(partial(self._run if hand.ended is None else self._settle, hand))
            elif ready is not None:
                steps.append(partial(self._claim, hand, ready))
        steps += [partial(self._bring_back, given) for given in self._lost]
        return steps + [partial(self._come_late, given) for given in self._late]

    def _step(self, step: Step) -> None:
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise InvariantBroken(
                f"The run has come to no end after {STEPS_MAX:,} steps: some job comes again and again."
            )
        step()

    # A job's way

    def _claim(self, hand: Hand, ready: Job) -> None:
        append = self._append(ready, _claim_of(hand.me), hand.me)
        if append is None:
            self._prospects.pass_over(ready)
            return
        if self._chance.strikes(Fault.DUPLICATE_CLAIM, ready.id):
            self._claim_again(ready)
        job = fold(append.recorded, ready)
        assert job is not None
        if job.state is State.PROCESSING:
            self._check_alone(job)
            hand.job = job

    def _claim_again(self, ready: Job) -> None:
        twin = worker(len(self._hands) + 1)
        if self._append(ready, _claim_of(twin), twin) is not None:
            raise InvariantBroken(f"Job {ready.id} was claimed twice at version {ready.version + 1}.")

    def _check_alone(self, job: Job) -> None:
        for hand in self._hands:
            if hand.job is not None and hand.job.id == job.id and not self._has_gone_on(hand.job):
                raise InvariantBroken(f"Job {job.id} is held by {hand.me.id} and by {job.worker}.")

    def _has_gone_on(self, job: Job) -> bool:
        # The claim that was made just now is the stream's last event: whoever holds an older one holds it no more.
        return bool(self._ground.log.find_next([(job.stream, job.version)]))

    def _run(self, hand: Hand) -> None:
        job = hand.job
        assert job is not None
        if self._chance.strikes(Fault.CRASH_BEFORE_EFFECT, job.id):
            self._lose(hand, None)
            return
        attempt = self._prospects.attempt(job)
        hand.ended = attempt.run()
        self.attempts += 1
        self._check(attempt, hand)
        if self._chance.strikes(Fault.CRASH_AFTER_EFFECT, job.id):
            self._lose(hand, None)
        elif self._chance.strikes(Fault.LATE_OUTCOME, job.id):
            self._lose(hand, hand.ended)

    def _check(self, attempt: Attempt, hand: Hand) -> None:
        if attempt.assertion is not None:  # the test's own: it is told as any error is, and ends the run
            self._settle(hand)
            raise attempt.assertion

    def _settle(self, hand: Hand) -> None:
        assert hand.job is not None
        assert hand.ended is not None
        self._settled(hand.job, hand.ended, hand.me)
        hand.job = hand.ended = None

    def _settled(self, job: Job, ended: Ended, me: Incarnation) -> None:
        if (kept := outcome.kept(job, ended)) is not None:
            self._outputs.put([kept])
        command = outcome.settle(job, ended, chance=self._chance.jitter(), handed_back=None, has_run=True)
        try:
            append = self._sealed(job, command, me)
        except InvalidInput as error:
            append = self._sealed(job, outcome.unstorable(job, str(error)), me)
        if not self._is_sent(append):
            answered(lambda: record_late(self._ground.log, append, me.id, me.actor, self._now()))

    # Faults

    def _lose(self, hand: Hand, ended: Ended | None) -> None:
        assert hand.job is not None
        self._lost.append(Given(hand.job, ended, hand.me))
        hand.job = hand.ended = None
        hand.life += 1
        hand.me = worker(hand.number, hand.life)

    def _bring_back(self, given: Given) -> None:
        self._lost.remove(given)
        by = self._hands[0].me
        self._append(given.job, lost_claim(given.job, None, by.id, chance=self._chance.jitter()), by)
        if given.ended is not None:
            self._late.append(given)

    def _come_late(self, given: Given) -> None:
        self._late.remove(given)
        assert given.ended is not None
        self._settled(given.job, given.ended, given.me)

    # Appending

    def _append(self, job: Job, command: Command, me: Incarnation) -> Append | None:
        """Append what a command leads to; None where somebody else was first."""
        append = self._sealed(job, command, me)
        return append if self._is_sent(append) else None

    def _sealed(self, job: Job, command: Command, me: Incarnation) -> Append:
        now = self._now()
        return Append(seal(job.stream, job.head, decide(job, command, now), actor=me.actor, now=now))

    def _is_sent(self, append: Append) -> bool:
        (done,) = answered(lambda: self._ground.log.append([append]))
        if done.error is not None:
            raise done.error
        return done.is_whole

    def _now(self) -> datetime:
        return self._ground.clock.now()


def answered(ask: Callable[[], T]) -> T:
    """Ask the same until the reply arrives, as workers do."""
    while True:
        try:
            return ask()
        except LogUnavailable:
            continue


def _claim_of(me: Incarnation) -> Claim:
    return Claim(worker=me.id, host=me.host, pid=me.pid)
