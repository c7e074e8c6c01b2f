"""Of a schedule of which much was told what was seen is not read again, and never all at once: with a log in memory."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from eventqueue.model.events import Event
from eventqueue.model.job import FINAL
from eventqueue.schedules import schedule
from eventqueue.schedules.events import Missed, Overlap, ScheduleTriggered, SkipReason
from eventqueue.schedules.missed import skipped
from eventqueue.schedules.schedule import Schedule
from eventqueue.schedules.ticks import stream_for
from eventqueue.steering.schedules import every, look
from eventqueue.testing import TestQueue
from eventqueue.ticking.overdue import overdue
from eventqueue.ticking.ticker import Ticker
from tests.builders import append

SECOND = timedelta(seconds=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
LENGTH, PART = 25, 10

MakeTicker = Callable[[], Ticker]


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[TestQueue]:
    for module in ("log.memory", "steering.schedules", "ticking.evidence"):
        monkeypatch.setattr(f"eventqueue.{module}.PART", PART)
    with TestQueue(now=START) as queue:
        queue.schedule("a", {"command": "true"}, every=SECOND, overlap=Overlap.SKIP)
        for number in range(LENGTH - 1):
            happened(queue, "a", ScheduleTriggered(job=f"a:{number}"))
        yield queue


@pytest.fixture
def ticker(queue: TestQueue) -> MakeTicker:
    return lambda: Ticker(queue.connection.ground, queue.connection.signals, "ticker/test", {})


@pytest.fixture
def parts(queue: TestQueue, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many events were folded, each time."""
    counts: list[int] = []
    after = schedule.after

    def counted(before: Schedule, later: Sequence[bytes]) -> Schedule:
        counts.append(len(later))
        return after(before, later)

    monkeypatch.setattr(schedule, "after", counted)
    return counts


def happened(queue: TestQueue, name: str, event: Event) -> None:
    log = queue.connection.ground.log
    last = log.read_last(stream_for(name))
    assert last is not None
    (result,) = log.append([append(stream_for(name), event, head=last.head, now=queue.clock.now())])
    assert result.is_whole


def look_at_all(one: Ticker) -> None:
    one._look_at = 0.0
    one.step()


def test_to_tell_of_ticks_that_are_held_reads_nothing_that_was_seen(
    queue: TestQueue, ticker: MakeTicker, parts: list[int]
) -> None:
    one = ticker()
    one.step()
    parts.clear()

    for _ in range(10):
        queue.clock.advance(SECOND)
        one.step()
        queue.clock.advance(SECOND)
        one.step()
        for job in queue.list().jobs:
            if job.state not in FINAL:
                queue.cancel(job.id)

    assert sum(parts) == 0
    assert look(queue.connection.ground.log, "a").head.version > LENGTH + 5


def test_to_tell_of_what_was_missed_or_taken_leaves_the_ticker_where_it_is(
    queue: TestQueue, ticker: MakeTicker, parts: list[int]
) -> None:
    queue.schedule("b", {"command": "true"}, every=SECOND, missed=Missed.SKIP)
    one = ticker()
    one.step()
    course = one._courses["b"]
    queue.clock.advance(100 * SECOND)
    one.step()
    queue.clock.advance(SECOND)
    one.step()

    assert one._courses["b"] is course
    assert course.schedule == look(queue.connection.ground.log, "b")


def test_the_look_at_all_reads_whole_only_what_is_new_however_it_stands(
    queue: TestQueue, ticker: MakeTicker, parts: list[int]
) -> None:
    one = ticker()
    one.step()
    for change in (queue.pause_schedule, queue.remove_schedule):
        change("a")
        look_at_all(one)
        parts.clear()
        look_at_all(one)
        assert sum(parts) == 0
        assert one._courses == {}

    queue.schedule("b", {"command": "true"}, every=SECOND)
    queue.schedule("a", {"command": "true"}, every=SECOND)
    parts.clear()
    look_at_all(one)
    assert sum(parts) == 2
    assert sorted(one._courses) == ["a", "b"]


def test_who_looks_at_all_sees_what_others_have_told_meanwhile(queue: TestQueue, ticker: MakeTicker) -> None:
    one = ticker()
    one.step()
    tick = START + 10 * SECOND
    queue.clock.advance(10 * SECOND)
    happened(queue, "a", skipped(SkipReason.MISSED, [tick]))
    look_at_all(one)

    assert one._courses["a"].done == tick


@pytest.mark.parametrize("length", [PART - 1, PART, PART + 1, 3 * PART])
def test_in_parts_a_schedule_is_what_it_is_in_one(queue: TestQueue, parts: list[int], length: int) -> None:
    queue.schedule("b", {"command": "true"}, every=SECOND)
    for number in range(length - 1):
        happened(queue, "b", ScheduleTriggered(job=f"b:{number}"))
    log = queue.connection.ground.log
    whole = schedule.of_stream(stream_for("b"), log.read_raw(stream_for("b")))
    parts.clear()

    assert look(log, "b") == whole == list(every(log))[-1]
    assert parts[0] == min(PART, length)
    assert max(parts) == PART


COMMANDS: Sequence[Callable[[TestQueue], object]] = [
    TestQueue.schedules,
    lambda queue: queue.get_schedule("a"),
    lambda queue: queue.trigger_schedule("a"),
    lambda queue: overdue(queue.connection.ground),
    lambda queue: queue.pause_schedule("a"),
]


@pytest.mark.parametrize("act", COMMANDS)
def test_a_command_reads_a_stream_once_and_no_more_than_a_part_at_once(
    queue: TestQueue, parts: list[int], act: Callable[[TestQueue], object]
) -> None:
    act(queue)

    assert sum(parts) == LENGTH
    assert max(parts) == PART
