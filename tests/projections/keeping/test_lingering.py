"""Lingering: under load the projector leaves what nobody waits for, and never what somebody does."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count

import pytest
from msgspec.structs import replace

from eventqueue.model.events import Event, Recorded
from eventqueue.mongo.ground import Ground
from projections.folds.decoding import Poison
from projections.keeping import feed, tail
from projections.keeping import turn as turns
from projections.keeping.feed import Batch, Feed
from projections.keeping.turn import Turn
from tests.builders import append, claimed, enqueued, failed, history
from tests.projections.exact import assert_exact
from tests.projections.stage import await_that, checkpoint_of, finish, is_ready, live_of, put, taking_place, turn_in

LONG = 1e6


@contextmanager
def claims_that_keep_coming(ground: Ground) -> Iterator[Callable[[], None]]:
    """Jobs that are enqueued and shown already are claimed by a thread, one after another, until what this gives."""
    now = ground.clock.now()
    births = [append(f"job-{number}", enqueued(), now=now) for number in range(3000)]
    ground.log.append(births)
    finish(ground)
    over = threading.Event()

    def claim() -> None:
        for birth in births:
            if over.is_set():
                return
            ground.log.append([append(birth.stream, claimed(), head=birth.head, now=ground.clock.now())])

    thread = threading.Thread(target=claim)
    thread.start()

    def end() -> None:
        over.set()
        thread.join()

    try:
        yield end
    finally:
        end()


def reading(ground: Ground) -> Feed:
    return Feed(ground.database, checkpoint_of(ground).token)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may pause the writer for a while."""
    monkeypatch.setattr(feed, "QUIET_S", 0.5)


@pytest.mark.usefixtures("patient")
def test_claims_that_keep_coming_are_left_for_a_while(built: Ground) -> None:
    with claims_that_keep_coming(built), reading(built) as one:
        assert one.linger(1.0)
        assert not one.is_empty


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("event", [enqueued(), failed()])
def test_an_event_that_somebody_waits_for_ends_it(built: Ground, event: Event) -> None:
    with claims_that_keep_coming(built), reading(built) as one:
        put(built, "job-urgent", event)
        assert not one.linger(LONG)
        assert one._pressing == 1
        while one._pressing:
            one.take(1, 1, 0)
        assert one.linger(1.0)


@pytest.mark.usefixtures("patient")
def test_nothing_more_to_come_ends_it(built: Ground) -> None:
    with claims_that_keep_coming(built):
        pass

    with reading(built) as one:
        assert not one.linger(LONG)


@pytest.mark.usefixtures("patient")
def test_behind_a_full_inbox_it_goes_on_for_as_long_as_the_log_grows(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "REPLY_COUNT", 2)
    monkeypatch.setattr(feed, "INBOX_COUNT", 3)

    with claims_that_keep_coming(built) as end, reading(built) as one:
        await_that(one._is_full)
        assert one.linger(1.0)
        end()
        assert not one.linger(LONG)


@pytest.mark.usefixtures("patient")
def test_lingering_applies_nothing_and_what_was_left_is_applied_at_its_end(built: Ground) -> None:
    with claims_that_keep_coming(built), reading(built) as one, turn_of(built, one) as turn:
        turn._linger_until = float("inf")
        turn.step(built.clock)
        assert live_of(built).jobs.count_documents({"state": "processing"}) == 0
        turn._linger_until = 0.0
        turn.step(built.clock)
        turn.land()
        assert live_of(built).jobs.count_documents({"state": "processing"}) > 0

    finish(built)
    assert_exact(built)


@pytest.mark.usefixtures("patient")
def test_a_job_that_becomes_due_does_not_wait_for_its_end(built: Ground) -> None:
    with claims_that_keep_coming(built):
        put(built, "job-due", replace(enqueued(), run_at=built.clock.now() + timedelta(milliseconds=500)))
        finish(built)
        with reading(built) as one, turn_of(built, one) as turn:
            while not is_ready(built, "due"):
                turn._linger_until = float("inf")
                turn.step(built.clock)


@contextmanager
def turn_of(ground: Ground, one: Feed) -> Iterator[Turn]:
    with turn_in(ground, taking_place(ground), one) as turn:
        yield turn


def test_only_after_many_events_that_are_young_it_lingers_and_the_longer_the_longer_they_took(built: Ground) -> None:
    now = built.clock.now()
    numbers = count()

    def batch(size: int, age: timedelta) -> Batch:
        events: list[Recorded | Poison] = []
        for _ in range(size):
            events += history(claimed(), stream=f"job-{next(numbers)}", now=now - age)
        return Batch(events, {"_data": ""}, 0)

    with reading(built) as one, turn_of(built, one) as turn:
        young, many = timedelta(seconds=1), turns.LOAD
        assert turn._linger_s(batch(many, young), now) == turns.LINGER_S
        assert turn._linger_s(batch(many - 1, young), now) == 0
        assert turn._linger_s(batch(many, turns.BEHIND_MAX + young), now) == 0
        turn._took = 1.0
        assert turn._linger_s(batch(many, young), now) == turns.LINGER_SHARE
