"""A schedule is held by the job of a tick that has not ended, however many ticks ago that was: with a log in memory."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventqueue.model.events import type_of
from eventqueue.model.job import State
from eventqueue.ports.footing import Footing
from eventqueue.schedules.events import Overlap
from eventqueue.schedules.missed import MOST
from eventqueue.schedules.rule import latest
from eventqueue.testing import TestQueue
from eventqueue.ticking import choosing
from eventqueue.ticking import ticker as ticking
from eventqueue.ticking.making import Made, Wanted, make
from eventqueue.ticking.ticker import Ticker

SECOND = timedelta(seconds=1)
LONG = (MOST + 100) * SECOND  # more ticks than are looked back at

MakeTicker = Callable[[], Ticker]


@pytest.fixture
def queue() -> Iterator[TestQueue]:
    with TestQueue(now=datetime(2026, 1, 1, tzinfo=UTC)) as queue:
        queue.schedule("a", {"command": "true"}, every=SECOND, overlap=Overlap.SKIP)
        yield queue


@pytest.fixture
def ticker(queue: TestQueue) -> MakeTicker:
    return lambda: Ticker(queue.connection.ground, queue.connection.signals, "ticker/test", {})


def jobs(queue: TestQueue) -> list[str]:
    """Return the ids of what is there, the first first."""
    return sorted(one.id for one in queue.list().jobs)


def test_a_job_that_was_made_long_ago_holds_its_schedule_with_a_new_ticker(
    queue: TestQueue, ticker: MakeTicker
) -> None:
    one = ticker()
    for _ in range(2):
        queue.clock.advance(SECOND)
        one.step()
    (held_by,) = jobs(queue)

    queue.clock.advance(LONG)
    ticker().step()

    assert jobs(queue) == [held_by]
    queue.cancel(held_by)
    queue.clock.advance(SECOND)
    ticker().step()
    assert len(jobs(queue)) == 2


def test_it_holds_it_with_a_ticker_that_had_stood_still_since_an_earlier_one(
    queue: TestQueue, ticker: MakeTicker
) -> None:
    stopped, other = ticker(), ticker()
    queue.clock.advance(SECOND)
    stopped.step()
    (ended,) = jobs(queue)
    queue.cancel(ended)
    for _ in range(2):
        queue.clock.advance(SECOND)
        other.step()
    assert len(jobs(queue)) == 2

    queue.clock.advance(LONG)
    stopped.step()

    assert len(jobs(queue)) == 2


def test_it_holds_it_though_the_schedule_has_other_ticks_by_now(queue: TestQueue, ticker: MakeTicker) -> None:
    one = ticker()
    for _ in range(2):
        queue.clock.advance(SECOND)
        one.step()
    (held_by,) = jobs(queue)
    queue.schedule("a", {"command": "true"}, every=7 * SECOND, overlap=Overlap.SKIP)

    queue.clock.advance(10 * SECOND)
    ticker().step()

    assert jobs(queue) == [held_by]


def test_what_came_while_it_was_paused_was_not_missed(queue: TestQueue, ticker: MakeTicker) -> None:
    queue.pause_schedule("a")
    queue.clock.advance(10 * SECOND)
    queue.resume_schedule("a")
    queue.clock.advance(SECOND)

    ticker().step()

    assert len(jobs(queue)) == 1
    told = [type_of(one.event) for one in queue.connection.ground.log.read("schedule-a")]
    assert told == ["schedule-set", "schedule-paused", "schedule-resumed"]


# Many at once


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many ticks were worked out at each look back."""
    counts: list[int] = []

    def counted(*args: Any) -> list[datetime]:
        found = latest(*args)
        counts.append(len(found))
        return found

    monkeypatch.setattr(choosing, "latest", counted)
    return counts


def test_a_schedule_that_has_just_begun_looks_back_at_no_tick_from_before(
    queue: TestQueue, ticker: MakeTicker, looked_at: list[int]
) -> None:
    queue.clock.advance(SECOND)
    ticker().step()

    assert len(jobs(queue)) == 1
    assert sum(looked_at) < 10


@pytest.mark.parametrize("overlap", Overlap)
def test_a_new_ticker_looks_back_as_far_as_the_last_tick_that_was_made(
    queue: TestQueue, ticker: MakeTicker, looked_at: list[int], overlap: Overlap
) -> None:
    queue.remove_schedule("a")
    queue.schedule("b", {"command": "true"}, every=SECOND, overlap=overlap)
    queue.clock.advance(LONG)
    ticker().step()
    looked_at.clear()
    before = jobs(queue)

    queue.clock.advance(SECOND / 2)
    ticker().step()

    assert jobs(queue) == before
    assert sum(looked_at) < 10


def test_while_many_are_asked_for_the_others_have_their_ticks(
    queue: TestQueue, ticker: MakeTicker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "bcd":
        queue.schedule(name, {"command": "true"}, every=SECOND, overlap=Overlap.SKIP)
    queue.schedule("z", {"command": "true"}, every=SECOND)
    monkeypatch.setattr(ticking, "CHOOSING_S", 0.0)
    made: list[list[str]] = []

    def noted(ground: Footing, wanted: Sequence[Wanted], *more: Any) -> list[Made]:
        made.append([one.schedule.name for one in wanted])
        return make(ground, wanted, *more)

    monkeypatch.setattr(ticking, "make", noted)
    queue.clock.advance(SECOND)
    ticker().step()

    assert made == [["z", "a"], ["b"], ["c"], ["d"]]


def test_what_others_have_made_is_waited_for_once_for_all_ticks_of_a_moment(
    queue: TestQueue, ticker: MakeTicker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "bcd":
        queue.schedule(name, {"command": "true"}, every=SECOND, overlap=Overlap.SKIP)
    waits: list[object] = []
    monkeypatch.setattr(queue.connection.ground.log, "await_acknowledged", lambda: waits.append(1))
    one = ticker()

    queue.clock.advance(SECOND)
    one.step()
    assert (len(jobs(queue)), len(waits)) == (4, 1)

    for job in jobs(queue):
        queue.cancel(job)
    queue.clock.advance(SECOND)
    ticker().step()
    assert (len(jobs(queue)), len(waits)) == (8, 2)


def test_the_last_ticks_that_became_jobs_are_told_with_how_these_stand(queue: TestQueue, ticker: MakeTicker) -> None:
    queue.schedule("b", {"command": "true"}, every=SECOND)
    queue.trigger_schedule("b")
    for _ in range(3):
        queue.clock.advance(SECOND)
        ticker().step()
    made = sorted(one.id for one in queue.list().jobs if one.id.startswith("b:2026"))
    queue.cancel(made[0])

    runs = queue.schedule_runs("b")

    assert [one.job for one in runs] == made[::-1][: len(runs)]
    assert len(runs) == 3
    assert [one.state for one in runs] == [State.PENDING, State.PENDING, State.CANCELLED]
    assert list(queue.schedule_runs("b", limit=2)) == list(runs[:2])
    assert queue.get_schedule("b").last == runs[0]
