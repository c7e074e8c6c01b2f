"""A job that is called as a tick's, and that its schedule has not made, is told of and takes no later tick's place.

With a log in memory, into which others put what they like.
"""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventqueue.errors import InvalidInput
from eventqueue.model.codec import seal
from eventqueue.model.events import EMPTY, Event, stream_of
from eventqueue.ports.log import Append
from eventqueue.schedules.events import Missed, Overlap, ScheduleSet, SkipReason, TickSkipped
from eventqueue.schedules.missed import taken
from eventqueue.schedules.ticks import job_id, stream_for
from eventqueue.steering.schedules import look
from eventqueue.testing import TestQueue
from eventqueue.ticking.overdue import overdue
from eventqueue.ticking.ticker import Ticker
from tests.builders import append, enqueued
from tests.ticking.conftest import made_by

MS, SECOND, MINUTE = timedelta(milliseconds=1), timedelta(seconds=1), timedelta(minutes=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
FAR = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)

MakeTicker = Callable[[], Ticker]


@pytest.fixture
def queue() -> Iterator[TestQueue]:
    with TestQueue(now=START) as queue:
        yield queue


@pytest.fixture
def ticker(queue: TestQueue) -> MakeTicker:
    return lambda: Ticker(queue.connection.ground, queue.connection.signals, "ticker/test", {})


def put(queue: TestQueue, one: Append) -> None:
    """Put into the log what anybody may who has the right to append."""
    (result,) = queue.connection.ground.log.append([one])
    assert result.is_whole


def take(queue: TestQueue, number: int, name: str = "a", **envelope: Any) -> str:
    """Have somebody else's job be called as that of a tick, so many minutes after the start; return its id."""
    job = job_id(name, START + number * MINUTE)
    put(queue, Append(seal(stream_of("job", job), EMPTY, [enqueued()], actor="mallory", now=START, **envelope)))
    return job


def minutely(queue: TestQueue, **fields: Any) -> None:
    queue.schedule("a", {"command": "true"}, every=MINUTE, **fields)


def jobs(queue: TestQueue) -> list[str]:
    return sorted(one.id for one in queue.list().jobs)


def told(queue: TestQueue) -> list[Event]:
    return [one.event for one in queue.connection.ground.log.read(stream_for("a"), after=1)]


@pytest.mark.parametrize("cause", [None, b"x" * 16])
@pytest.mark.parametrize("policy", list(Missed))
def test_a_tick_of_which_the_id_is_taken_does_not_disappear(
    queue: TestQueue, ticker: MakeTicker, caplog: pytest.LogCaptureFixture, policy: Missed, cause: bytes | None
) -> None:
    minutely(queue, missed=policy)
    job, one = take(queue, 1, cause=cause), ticker()
    one.step()

    for _ in range(2):
        queue.clock.advance(MINUTE)
        with caplog.at_level(logging.WARNING):
            one.step()

    assert told(queue) == [taken(START + MINUTE, job)]
    assert jobs(queue) == [job, job_id("a", START + 2 * MINUTE)]
    (record,) = caplog.records
    assert job in record.getMessage()


def test_it_is_said_again_once_there_was_a_tick_that_became_a_job(
    queue: TestQueue, ticker: MakeTicker, caplog: pytest.LogCaptureFixture
) -> None:
    minutely(queue)
    one = ticker()
    for number in (1, 2, 4):
        take(queue, number)

    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            one.step()
            queue.clock.advance(MINUTE)

    assert len(caplog.records) == 2


def test_it_is_told_by_a_ticker_too_that_starts_only_then(queue: TestQueue, ticker: MakeTicker) -> None:
    minutely(queue)
    job = take(queue, 3)
    queue.clock.advance(3 * MINUTE + 2 * SECOND)

    for _ in range(2):
        ticker().step()

    assert told(queue) == [
        TickSkipped(reason=SkipReason.MISSED, first=START + MINUTE, last=START + 2 * MINUTE, number=2),
        taken(START + 3 * MINUTE, job),
    ]


def test_what_it_has_missed_is_not_taken_for_made_by_such_a_job(queue: TestQueue, ticker: MakeTicker) -> None:
    minutely(queue, missed=Missed.ALL)
    job = take(queue, 3)
    queue.clock.advance(4 * MINUTE)

    ticker().step()

    assert told(queue) == [taken(START + 3 * MINUTE, job)]
    assert jobs(queue) == [job_id("a", START + number * MINUTE) for number in range(1, 5)]


def test_what_another_ticker_made_by_an_earlier_definition_is_not_taken(queue: TestQueue, ticker: MakeTicker) -> None:
    minutely(queue)
    earlier = look(queue.connection.ground.log, "a")
    queue.schedule("a", {"command": "false"}, every=MINUTE)
    put(queue, made_by(earlier, START + MINUTE))
    queue.clock.advance(MINUTE)

    ticker().step()

    assert told(queue)[1:] == []


def test_of_somebody_elses_job_that_does_not_end_nothing_is_held(queue: TestQueue, ticker: MakeTicker) -> None:
    minutely(queue, overlap=Overlap.SKIP)
    job = take(queue, 1)
    head = queue.connection.ground.log.read(stream_for("a"))[-1].head
    lie = TickSkipped(reason=SkipReason.OVERLAP, first=START + 2 * MINUTE, last=START + 2 * MINUTE, number=1, job=job)
    put(queue, append(stream_for("a"), lie, head=head, now=START))
    queue.clock.advance(3 * MINUTE)

    ticker().step()

    assert job_id("a", START + 3 * MINUTE) in jobs(queue)


def test_an_id_of_that_form_is_refused_to_all_who_do_not_tick(queue: TestQueue) -> None:
    for job in (job_id("a", START), job_id("no-schedule", START + SECOND / 4)):
        with pytest.raises(InvalidInput, match="ends in a colon and a time"):
            queue.enqueue(id=job, command="true")
    queue.enqueue(id="a:2026-01-01", command="true")


@pytest.mark.parametrize("key", ["unique-" + "0a" * 16, "unique-" + "0a" * 16 + "-17"])
def test_a_key_that_stands_for_a_tasks_arguments_is_refused_to_all_who_give_it(queue: TestQueue, key: str) -> None:
    for runs in ({"task": "mail", "args": [1]}, {"command": "true"}):
        with pytest.raises(InvalidInput, match="a unique task makes its own"):
            queue.enqueue(**runs, key=key)
    queue.enqueue(command="true", key="unique-order-17")


# What doctor says


def test_a_job_in_the_way_of_a_tick_is_named_before_and_until_another_tick_has_come(
    queue: TestQueue, ticker: MakeTicker
) -> None:
    ground: Any = queue.connection.ground
    minutely(queue)
    job, one = take(queue, 2), ticker()

    named = []
    for _ in range(6):
        one.step()
        named.append(overdue(ground).taken)
        queue.clock.advance(MINUTE)

    assert named == [[("a", job)]] * 4 + [[]] * 2


def test_no_tick_is_made_from_before_its_schedule_was_set_by_a_clock_that_is_a_little_ahead(
    queue: TestQueue, ticker: MakeTicker
) -> None:
    event = ScheduleSet(fields={"command": "true", "cwd": "/"}, missed=Missed.ONCE, overlap=Overlap.ALLOW, every=60.0)
    put(queue, append(stream_for("a"), event, now=START + MINUTE + 2 * MS))
    one = ticker()

    for later in (MINUTE - MS, 2 * MS, MINUTE):
        queue.clock.advance(later)
        one.step()

    assert [*jobs(queue)] == [job_id("a", START + 2 * MINUTE)]


@pytest.mark.parametrize("policy", [Overlap.ALLOW, Overlap.SKIP])
def test_a_date_that_is_yet_to_come_holds_no_tick_back_and_is_named(
    queue: TestQueue, ticker: MakeTicker, policy: Overlap
) -> None:
    ground: Any = queue.connection.ground
    event = ScheduleSet(fields={"command": "true", "cwd": "/"}, missed=Missed.ONCE, overlap=policy, every=60.0)
    put(queue, append(stream_for("a"), event, now=FAR))
    one = ticker()

    for _ in range(3):
        one.step()
        queue.clock.advance(MINUTE)
    one.step()

    assert len(jobs(queue)) == (3 if policy is Overlap.ALLOW else 1)
    assert [name for name, _ in overdue(ground).unknown] == ["a"]


@pytest.mark.parametrize("said", [{"cron": "* * * * *"}, {"cron": "0 0 1 1 *"}, {"every": 60.0}])
def test_a_date_before_all_calendars_holds_no_tick_back(
    queue: TestQueue, ticker: MakeTicker, said: dict[str, Any]
) -> None:
    ground: Any = queue.connection.ground
    fields = {"command": "true", "cwd": "/"}
    event = ScheduleSet(fields=fields, missed=Missed.ONCE, overlap=Overlap.ALLOW, **said)
    put(queue, append(stream_for("a"), event, now=datetime(1, 1, 1, tzinfo=UTC)))

    ticker().step()

    assert len(jobs(queue)) == 1
    assert overdue(ground).unknown == []


def test_ticks_that_are_told_of_before_they_come_are_made(queue: TestQueue, ticker: MakeTicker) -> None:
    minutely(queue)
    head = queue.connection.ground.log.read(stream_for("a"))[-1].head
    for lie in (
        TickSkipped(reason=SkipReason.MISSED, first=START, last=FAR, number=2**62),
        TickSkipped(reason=SkipReason.TAKEN, first=FAR, last=FAR, number=1, job="x"),
    ):
        one = append(stream_for("a"), lie, head=head, now=START)
        put(queue, one)
        head = one.head
    queue.clock.advance(MINUTE)

    ticker().step()

    assert jobs(queue) == [job_id("a", START + MINUTE)]


def test_a_job_that_cannot_be_made_is_said_once_and_not_at_each_tick(
    queue: TestQueue, ticker: MakeTicker, caplog: pytest.LogCaptureFixture
) -> None:
    event = ScheduleSet(
        fields={"command": "true", "priority": "high"}, missed=Missed.ONCE, overlap=Overlap.ALLOW, every=60.0
    )
    put(queue, append(stream_for("a"), event, now=START))
    one = ticker()

    with caplog.at_level(logging.WARNING):
        for _ in range(4):
            one.step()
            queue.clock.advance(MINUTE)

    assert len(caplog.records) == 1
