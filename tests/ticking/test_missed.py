"""What many schedules have missed is made up for slice by slice, and others have their ticks meanwhile: in memory."""

import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from eventqueue.log.memory import MemoryLog
from eventqueue.model.codec import seal
from eventqueue.ports.log import Append, Appended
from eventqueue.schedules.events import Missed
from eventqueue.schedules.missed import MOST
from eventqueue.schedules.ticks import job_id
from eventqueue.testing import TestQueue
from eventqueue.ticking.making import BATCH
from eventqueue.ticking.ticker import Ticker

SECOND = timedelta(seconds=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
LONG = (MOST + 100) * SECOND

MakeTicker = Callable[[], Ticker]


class Died(BaseException):
    """The process of a ticker ends."""


@pytest.fixture
def queue() -> Iterator[TestQueue]:
    with TestQueue(now=START) as queue:
        for name in "abc":
            queue.schedule(name, {"command": "true"}, every=SECOND, missed=Missed.ALL)
        yield queue


@pytest.fixture
def ticker(queue: TestQueue) -> MakeTicker:
    return lambda: Ticker(queue.connection.ground, queue.connection.signals, "ticker/test", {})


@pytest.fixture
def appended(queue: TestQueue, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The schedules of the jobs of each append."""
    sent: list[list[str]] = []
    append = MemoryLog.append

    def noted(log: MemoryLog, appends: Sequence[Append]) -> list[Appended]:
        if appends[0].stream.startswith("job-"):
            sent.append([one.stream[len("job-")] for one in appends])
        return append(log, appends)

    monkeypatch.setattr(MemoryLog, "append", noted)
    return sent


def expected(queue: TestQueue, number: int = MOST) -> set[str]:
    now = queue.clock.now()
    return {job_id(name, now - nth * SECOND) for name in "abc" for nth in range(number)}


def jobs(queue: TestQueue) -> list[str]:
    return [one.id for one in queue.list(limit=None).jobs]


def test_no_more_are_sealed_than_are_appended_at_once_and_schedules_take_turns(
    queue: TestQueue, ticker: MakeTicker, appended: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed: list[int] = []

    def counted(*args: Any, **more: Any) -> Any:
        sealed.append(len(appended))
        return seal(*args, **more)

    monkeypatch.setattr("eventqueue.ticking.making.seal", counted)
    queue.clock.advance(LONG)
    ticker().step()

    assert sorted(jobs(queue)) == sorted(expected(queue))
    assert max(sealed.count(number) for number in set(sealed)) <= BATCH
    assert [one[0] for one in appended] == ["a", "b", "c"] * (MOST // BATCH)


def test_a_schedule_that_is_on_time_waits_for_none_that_makes_up_for_what_it_has_missed(
    queue: TestQueue, ticker: MakeTicker, appended: list[list[str]]
) -> None:
    queue.clock.advance(LONG)
    queue.schedule("z", {"command": "true"}, every=SECOND)
    queue.clock.advance(SECOND)
    ticker().step()

    assert appended[0][0] == "z"


def test_who_is_to_stop_makes_no_more_than_one_slice_before(
    queue: TestQueue, ticker: MakeTicker, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, stop, append = ticker(), threading.Event(), MemoryLog.append

    def stopping(log: MemoryLog, appends: Sequence[Append]) -> list[Appended]:
        if appends[0].stream.startswith("job-"):
            stop.set()
            one.wake()
        return append(log, appends)

    queue.clock.advance(LONG)
    monkeypatch.setattr(MemoryLog, "append", stopping)
    one.run(stop)

    assert len(jobs(queue)) == BATCH


@pytest.mark.parametrize("slices", range(7))
def test_who_goes_on_after_one_that_died_between_two_slices_loses_none_and_doubles_none(
    queue: TestQueue, ticker: MakeTicker, monkeypatch: pytest.MonkeyPatch, slices: int
) -> None:
    append, left = MemoryLog.append, [slices]

    def until_it_dies(log: MemoryLog, appends: Sequence[Append]) -> list[Appended]:
        if appends[0].stream.startswith("job-"):
            left[0] -= 1
            if left[0] < 0:
                raise Died
        return append(log, appends)

    queue.clock.advance(LONG)
    with monkeypatch.context() as patched:
        patched.setattr(MemoryLog, "append", until_it_dies)
        try:
            ticker().step()
        except Died:
            assert len(jobs(queue)) == slices * BATCH
    ticker().step()

    assert sorted(jobs(queue)) == sorted(expected(queue))
