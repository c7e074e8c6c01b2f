"""How many ticks became no jobs is told, however many they are: with a log in memory."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from eventqueue.model.events import Event, stream_of
from eventqueue.schedules.events import Missed, Overlap, SkipReason, TickSkipped
from eventqueue.schedules.missed import MOST
from eventqueue.schedules.ticks import job_id, stream_for
from eventqueue.testing import TestQueue
from eventqueue.ticking.ticker import Ticker
from tests.builders import append, enqueued

SECOND = timedelta(seconds=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
LONG = (MOST + 100) * SECOND  # more ticks than are looked back at

MakeTicker = Callable[[], Ticker]


@pytest.fixture
def queue() -> Iterator[TestQueue]:
    with TestQueue(now=START) as queue:
        yield queue


@pytest.fixture
def ticker(queue: TestQueue) -> MakeTicker:
    return lambda: Ticker(queue.connection.ground, queue.connection.signals, "ticker/test", {})


def told(queue: TestQueue) -> list[Event]:
    return [one.event for one in queue.connection.ground.log.read(stream_for("m"), after=1)]


@pytest.mark.parametrize("policy", list(Missed))
@pytest.mark.parametrize("made", [0, 5])
def test_however_many_ticks_were_missed_their_number_is_told(
    queue: TestQueue, ticker: MakeTicker, policy: Missed, made: int
) -> None:
    queue.schedule("m", {"command": "true"}, every=SECOND, missed=policy)
    queue.trigger_schedule("m")
    one = ticker()
    for _ in range(made):
        queue.clock.advance(SECOND)
        one.step()
    queue.clock.advance(timedelta(days=30))
    ticker().step()

    missed = 30 * 24 * 3600 - {Missed.SKIP: 1, Missed.ONCE: 1, Missed.ALL: MOST}[policy]
    first = START + (made + 1) * SECOND
    last = first + (missed - 1) * SECOND
    assert told(queue)[1:] == [TickSkipped(reason=SkipReason.MISSED, first=first, last=last, number=missed)]


@pytest.mark.parametrize(("days", "number", "is_least"), [(2, 1880, False), (30, 10_000, True)])
def test_of_a_cron_expression_so_many_are_counted_as_takes_no_time(
    queue: TestQueue, ticker: MakeTicker, days: int, number: int, is_least: bool
) -> None:
    queue.schedule("m", {"command": "true"}, cron="* * * * *", missed=Missed.ALL)
    queue.clock.advance(timedelta(days=days))
    ticker().step()

    (event,) = told(queue)
    assert isinstance(event, TickSkipped)
    assert (event.first, event.number, event.is_least) == (START + timedelta(minutes=1), number, is_least)


def test_a_job_that_was_not_made_by_the_schedule_ends_no_count(queue: TestQueue, ticker: MakeTicker) -> None:
    queue.schedule("m", {"command": "true"}, every=SECOND)
    other = append(stream_of("job", job_id("m", START + 7 * SECOND)), enqueued())
    (result,) = queue.connection.ground.log.append([other])
    assert result.is_whole
    queue.clock.advance(2 * LONG)
    ticker().step()

    (event,) = told(queue)
    assert isinstance(event, TickSkipped)
    assert (event.first, event.number) == (START + SECOND, 2 * LONG // SECOND - 1)


def test_a_job_that_was_made_before_all_that_are_looked_back_at_holds_the_ticks_since(
    queue: TestQueue, ticker: MakeTicker
) -> None:
    queue.schedule("m", {"command": "true"}, every=SECOND, overlap=Overlap.SKIP)
    queue.clock.advance(SECOND)
    ticker().step()
    (job,) = [one.id for one in queue.list().jobs]
    queue.clock.advance(2 * LONG)
    ticker().step()

    assert [one.id for one in queue.list().jobs] == [job]
    first, last, all_ = START + 2 * SECOND, START + SECOND + 2 * LONG, 2 * LONG // SECOND
    assert told(queue) == [TickSkipped(reason=SkipReason.OVERLAP, first=first, last=last, number=all_, job=job)]
