"""A schedule is held by the job of a tick that has not ended, however many ticks ago that was: with a log in memory."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from eventqueue.schedules.events import Overlap
from eventqueue.schedules.missed import MOST
from eventqueue.testing import TestQueue
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
