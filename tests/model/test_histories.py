"""Random histories: whatever people, workers, zombies and clocks do, what the log holds makes sense."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, rule

from eventqueue.errors import IllegalTransition
from eventqueue.log.memory import MemoryLog
from eventqueue.model.codec import content_hash, seal
from eventqueue.model.events import (
    EMPTY,
    Amended,
    Cancelled,
    Claimed,
    Completed,
    DeadLettered,
    Enqueued,
    Failed,
    Recorded,
    Released,
    Retried,
    RetryAmended,
    RetryCause,
    stream_of,
)
from eventqueue.model.job import (
    LEGAL,
    Cancel,
    Claim,
    Command,
    Complete,
    DeadLetter,
    Enqueue,
    Fail,
    Job,
    Release,
    Retry,
    Settle,
    State,
    decide,
    fold,
)
from eventqueue.ports.log import Append
from tests.builders import NOW, amend, complete, fail, release, request

names = st.sampled_from(["a", "b"])
workers = st.sampled_from(["worker-1", "worker-2", "worker-3"])
people = st.sampled_from([Cancel("no longer needed"), Retry("the bug is mended"), DeadLetter(), amend(max_retries=1)])
settles = st.sampled_from([complete, fail, fail, fail, release])
jumps = st.integers(-3600, 3600).map(lambda seconds: timedelta(seconds=seconds))


class Queue(RuleBasedStateMachine):
    """Two jobs, three workers, people, and a clock that jumps; every view may be old by the time it is used."""

    views = Bundle("views")

    def __init__(self) -> None:
        super().__init__()
        self.log = MemoryLog()
        self.now = NOW
        self.shown: dict[str, list[Job | None]] = {}  # each state that a job was ever shown in
        self.settled: dict[tuple[str, int], int] = {}  # where a settle was accepted, and for which claim

    @initialize(max_retries=st.integers(0, 2), hours=st.integers(1, 100))
    def enqueue(self, max_retries: int, hours: int) -> None:
        asked = request(max_retries=max_retries, expires_at=self.now + timedelta(hours=hours), backoff={"base": 9})
        for name in ("a", "b"):
            self.attempt(stream_of("job", name), None, Enqueue(asked))

    @rule(by=jumps)
    def the_clock_jumps(self, by: timedelta) -> None:
        self.now += by

    @rule(target=views, name=names)
    def look(self, name: str) -> Job | None:
        return self.current(stream_of("job", name))

    @rule(target=views, name=names, worker=workers, kind=settles)
    def a_worker_runs_it(self, name: str, worker: str, kind: Callable[[int], Settle]) -> Job | None:
        running = self.attempt_on(self.current(stream_of("job", name)), Claim(worker, "host", 1))
        if running is not None and running.claim is not None:
            self.attempt_on(running, kind(running.claim))
        return running

    @rule(target=views, view=views, worker=workers)
    def a_worker_claims_what_it_saw(self, view: Job | None, worker: str) -> Job | None:
        return self.attempt_on(view, Claim(worker, "host", 1))

    @rule(target=views, view=views, kind=settles)
    def a_worker_settles_what_it_holds(self, view: Job | None, kind: Callable[[int], Settle]) -> Job | None:
        return self.attempt_on(view, kind(view.claim)) if view and view.claim else view

    @rule(view=views, kind=settles, claim=st.integers(1, 30))
    def a_zombie_settles_some_claim(self, view: Job | None, kind: Callable[[int], Settle], claim: int) -> None:
        self.attempt_on(view, kind(claim))

    @rule(name=names, kind=settles, claim=st.integers(1, 30))
    def a_zombie_that_sees_everything_settles_some_claim(
        self, name: str, kind: Callable[[int], Settle], claim: int
    ) -> None:
        self.attempt_on(self.current(stream_of("job", name)), kind(claim))

    @rule(view=views, command=people)
    def someone_acts_on_what_they_saw(self, view: Job | None, command: Command) -> None:
        self.attempt_on(view, command)

    @rule(name=names, again=st.booleans())
    def someone_retries_or_enqueues_it_again(self, name: str, again: bool) -> None:
        if again:
            self.attempt(stream_of("job", name), None, Enqueue(request()))
        else:
            self.attempt_on(self.current(stream_of("job", name)), Retry("the bug is mended"))

    def attempt_on(self, view: Job | None, command: Command) -> Job | None:
        return view and self.attempt(view.stream, view, command)

    def attempt(self, stream: str, view: Job | None, command: Command) -> Job | None:
        """Decide on what `view` shows and append onto it; return what is shown then."""
        try:
            events = decide(view, command, self.now)
        except IllegalTransition:
            return view
        if not events:  # it is as it was asked to be
            return view
        head = view.head if view else EMPTY
        append = Append(seal(stream, head, events, actor="test", now=self.now))
        before = self.current(stream)
        (appended,) = self.log.append([append])

        if before == view:
            assert appended.is_whole
            self.note(stream, append, view, command)
        else:
            assert before is not None
            assert (appended.count, appended.conflict) == (0, self.hash_at(stream, head.version + 1))
            assert self.current(stream) == before
        return self.current(stream)

    def note(self, stream: str, append: Append, job: Job | None, command: Command) -> None:
        for recorded in append.recorded:
            job = fold([recorded], job)
            self.shown.setdefault(stream, [None]).append(job)
        if isinstance(command, Complete | Fail | Release):
            self.settled[stream, append.events[0].recorded.version] = command.claim

    def current(self, stream: str) -> Job | None:
        return fold(self.log.read(stream))

    def hash_at(self, stream: str, version: int) -> bytes:
        return self.log.read(stream)[version - 1].hash

    def teardown(self) -> None:
        for stream, shown in self.shown.items():
            history = self.log.read(stream)
            is_chained(history, self.log.read_raw(stream))
            only_legal_transitions(history)
            final_is_final(history)
            budget_is_kept(history)
            every_settle_ends_its_own_claim(stream, history, self.settled)
            assert [fold(history[:cut]) for cut in range(len(history) + 1)] == shown


def is_chained(history: Sequence[Recorded], raw: Sequence[bytes]) -> None:
    assert [one.version for one in history] == list(range(1, len(history) + 1))
    assert [one.prev for one in history] == [None, *(one.hash for one in history[:-1])]
    assert [one.hash for one in history] == [content_hash(one) for one in raw]
    times: list[datetime] = [one.at for one in history]
    assert times == sorted(times)


def only_legal_transitions(history: Sequence[Recorded]) -> None:
    state: State | None = None
    for one in history:
        come_from, lead_to = LEGAL[type(one.event)]
        assert state in come_from
        state = lead_to


def final_is_final(history: Sequence[Recorded]) -> None:
    for before, after in pairwise(one.event for one in history):
        by_operator = isinstance(after, Retried) and after.cause is RetryCause.OPERATOR
        assert not isinstance(before, Completed)
        assert not isinstance(before, Cancelled) or by_operator
        assert not isinstance(before, DeadLettered) or by_operator or isinstance(after, Cancelled)


def budget_is_kept(history: Sequence[Recorded]) -> None:
    failures, attempts, budget = 0, 0, 0
    for one in history:
        match one.event:
            case Enqueued(max_retries=most):
                budget = 1 + most
            case Amended(now=now) | RetryAmended(now=now):
                budget = budget if now.max_retries is None else 1 + now.max_retries
            case Retried(cause=RetryCause.OPERATOR):
                failures = 0
            case Claimed(attempt=attempt):
                attempts += 1
                assert attempt == attempts
            case Released():
                attempts -= 1
            case Failed(retry_at=retry_at):
                failures += 1
                assert (retry_at is None) == (failures >= budget)
            case _:
                pass


def every_settle_ends_its_own_claim(
    stream: str, history: Sequence[Recorded], settled: dict[tuple[str, int], int]
) -> None:
    for claimed, ended in pairwise(history):
        if isinstance(ended.event, Completed | Failed | Released):
            assert isinstance(claimed.event, Claimed)
            assert settled[stream, ended.version] == claimed.version


Queue.TestCase.settings = settings(max_examples=100, stateful_step_count=50)
TestHistories = Queue.TestCase
