"""Tickers: each tick becomes one job, whoever and how many make it; and what was missed goes by its policy."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.errors import LogUnavailable
from eventqueue.model.events import Cancelled, Enqueued, stream_of
from eventqueue.model.job import State
from eventqueue.mongo.log import MongoLog
from eventqueue.schedules.events import (
    Missed,
    Overlap,
    SchedulePaused,
    ScheduleResumed,
    ScheduleSet,
    SkipReason,
    TickSkipped,
)
from eventqueue.schedules.rule import every, latest
from eventqueue.schedules.ticks import job_id, stream_for, tick_of
from tests.ticking.conftest import MakeTicker, happened, hourly, jobs, made, told
from tests.worker.stage import wait_until


@pytest.mark.parametrize(("policy", "made"), [(Missed.SKIP, 0), (Missed.ONCE, 1), (Missed.ALL, 3)])
def test_what_nobody_was_there_to_make_goes_by_its_policy_and_is_told(
    queue: Queue, ticker: MakeTicker, policy: Missed, made: int
) -> None:
    ticks = hourly(queue, missed=policy)

    for _ in range(2):  # the second one finds all as the first one left it
        ticker().step()

    assert list(jobs(queue)) == [job_id("a", at) for at in ticks[3 - made :]]
    rest = ticks[: 3 - made]
    assert told(queue) == (
        [TickSkipped(reason=SkipReason.MISSED, first=rest[0], last=rest[-1], number=len(rest))] if rest else []
    )


def test_what_one_ticker_has_made_no_other_finds_missed(queue: Queue, ticker: MakeTicker) -> None:
    ticks = hourly(queue, missed=Missed.ALL)
    made(queue, "a", ticks[1])

    ticker().step()

    assert sorted(jobs(queue)) == [job_id("a", at) for at in ticks[1:]]
    assert told(queue) == []


def test_who_comes_late_to_ticks_that_others_made_in_time_tells_of_none(queue: Queue, ticker: MakeTicker) -> None:
    now = queue.connection.ground.clock.now()
    event = ScheduleSet(fields={"command": "true", "cwd": "/"}, missed=Missed.ONCE, overlap=Overlap.ALLOW, every=20.0)
    happened(queue, stream_for("a"), event, at=now - timedelta(minutes=2))
    for at in latest(every(timedelta(seconds=20)), now - timedelta(minutes=2), now, 10):
        made(queue, "a", at)

    ticker().step()

    assert told(queue) == []


def test_of_many_tickers_at_once_each_tick_is_made_by_one(queue: Queue, ticker: MakeTicker) -> None:
    ticks = hourly(queue, hours=200, missed=Missed.ALL)
    others = [hourly(queue, f"b{number}") for number in range(5)]
    tickers, together = [ticker() for _ in range(4)], threading.Barrier(4)

    def step(number: int) -> None:
        together.wait()
        tickers[number].step()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(step, range(4)))

    wanted = {job_id("a", at) for at in ticks} | {job_id(f"b{n}", at[-1]) for n, at in enumerate(others)}
    assert set(jobs(queue)) == wanted
    assert [len(told(queue, f"b{number}")) for number in range(5)] == [1] * 5
    assert all(len(queue.history(job)) == 1 for job in wanted)


def test_a_job_says_which_schedule_made_it_and_runs_as_that_was_asked(queue: Queue, ticker: MakeTicker) -> None:
    queue.configure("max-retries", 7)
    fields = {"command": "make", "cwd": "/tmp", "queue": "mail", "tags": ["x"], "env": {"A": "b"}}
    (tick,) = hourly(queue, hours=1, fields=fields)

    ticker().step()

    (made,) = jobs(queue).values()
    assert isinstance(made.event, Enqueued)
    (set_,) = queue.connection.ground.log.read(stream_for("a"))
    assert made.cause == set_.id
    assert made.actor.startswith("ticker/")
    assert tick_of(made.stream.removeprefix("job-"), made.event.correlation) == ("a", tick)
    assert (made.event.queue, made.event.max_retries, made.event.tags) == ("mail", 7, ("x",))
    job = queue.get(job_id("a", tick))
    assert (job.run.text, job.state) == ("make", State.PENDING)
    assert f"(schedule a, tick of {tick:%Y-%m-%dT%H:%M:%SZ})" in queue.why(job.id).text


def test_the_ticks_of_a_pause_were_not_missed(queue: Queue, ticker: MakeTicker) -> None:
    ticks = hourly(queue, missed=Missed.ALL)
    happened(queue, stream_for("a"), SchedulePaused(), at=ticks[0] - timedelta(minutes=1))
    ticker().step()
    assert jobs(queue) == {}

    happened(queue, stream_for("a"), ScheduleResumed(), at=ticks[1] + timedelta(minutes=1))
    ticker().step()

    assert list(jobs(queue)) == [job_id("a", ticks[2])]


def test_what_is_set_anew_has_its_ticks_from_then_on(queue: Queue, ticker: MakeTicker) -> None:
    ticks = hourly(queue, missed=Missed.ALL)
    (set_,) = queue.connection.ground.log.read(stream_for("a"))
    assert isinstance(set_.event, ScheduleSet)
    event = replace(set_.event, fields={"command": "false", "cwd": "/"})
    happened(queue, stream_for("a"), event, at=ticks[-1] - timedelta(minutes=1))

    ticker().step()

    assert [one.event.run.text for one in jobs(queue).values() if isinstance(one.event, Enqueued)] == ["false"]


# Overlap


def test_beside_a_job_that_has_not_ended_no_other_is_made_and_that_is_told_once(
    queue: Queue, ticker: MakeTicker
) -> None:
    ticks = hourly(queue, overlap=Overlap.SKIP)
    first = job_id("a", ticks[0])
    made(queue, "a", ticks[0])

    for _ in range(2):
        ticker().step()

    assert list(jobs(queue)) == [first]
    assert told(queue) == [TickSkipped(reason=SkipReason.OVERLAP, first=ticks[1], last=ticks[2], number=2, job=first)]
    queue.cancel(first)
    ticker().step()
    assert list(jobs(queue)) == [first]  # it ended after those ticks


def test_once_it_had_ended_the_ticks_that_follow_are_made(queue: Queue, ticker: MakeTicker) -> None:
    ticks = hourly(queue, overlap=Overlap.SKIP)
    first = job_id("a", ticks[0])
    made(queue, "a", ticks[0])
    happened(queue, stream_of("job", first), Cancelled(why="over"), at=ticks[1] + timedelta(minutes=1))

    ticker().step()

    assert sorted(jobs(queue)) == [first, job_id("a", ticks[2])]
    assert [type(one) for one in told(queue)] == [TickSkipped]


def test_a_job_from_before_the_schedule_was_paused_holds_it_still(queue: Queue, ticker: MakeTicker) -> None:
    ticks = hourly(queue, overlap=Overlap.SKIP)
    job = made(queue, "a", ticks[0])
    paused_at(queue, ticks[1])

    ticker().step()

    assert list(jobs(queue)) == [job]
    assert told(queue)[2:] == [
        TickSkipped(reason=SkipReason.OVERLAP, first=ticks[2], last=ticks[2], number=1, job=job)  # not of the pause
    ]


def test_the_ticks_of_a_pause_were_not_missed_though_the_job_before_it_is_asked_for(
    queue: Queue, ticker: MakeTicker
) -> None:
    ticks = hourly(queue, overlap=Overlap.SKIP, missed=Missed.ALL)
    job = made(queue, "a", ticks[0])
    happened(queue, stream_of("job", job), Cancelled(why="over"), at=ticks[0] + timedelta(minutes=1))
    paused_at(queue, ticks[1])

    ticker().step()

    assert sorted(jobs(queue)) == [job, job_id("a", ticks[2])]


def paused_at(queue: Queue, tick: datetime) -> None:
    """Have the schedule be paused at a tick, and resumed a minute later."""
    happened(queue, stream_for("a"), SchedulePaused(), at=tick)
    happened(queue, stream_for("a"), ScheduleResumed(), at=tick + timedelta(minutes=1))


# Trouble


def test_one_schedule_that_cannot_go_on_stops_no_other(
    queue: Queue, ticker: MakeTicker, caplog: pytest.LogCaptureFixture
) -> None:
    hourly(queue, "a", fields={"command": "true", "priority": "high"})
    hourly(queue, "b", tz="Mars/Olympus")
    hourly(queue, "c", cron="61 * * * *")
    ticks = hourly(queue, "d")

    with caplog.at_level(logging.WARNING):
        one = ticker()
        one.step()
        one.step()

    assert list(jobs(queue)) == [job_id("d", ticks[-1])]
    assert sorted(record.getMessage().partition(": ")[0] for record in caplog.records) == [
        *(f"job {job_id('a', ticks[-1])} is not made",),
        *("schedule b stands still here", "schedule c stands still here"),
    ]


def test_where_the_database_fails_the_same_ticks_are_made_later(
    queue: Queue, ticker: MakeTicker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = hourly(queue)
    one, append = ticker(), MongoLog.append

    def lose(log: MongoLog, appends: Any) -> Any:
        done = append(log, appends)
        if appends[0].stream.startswith("job-"):
            raise LogUnavailable("the answer was lost")
        return done

    with monkeypatch.context() as patched:
        patched.setattr(MongoLog, "append", lose)
        with pytest.raises(LogUnavailable):
            one.step()
    one.step()

    assert list(jobs(queue)) == [job_id("a", ticks[-1])]


# Without a schedule, and with one


def profiled(database: Database[dict[str, Any]], act: Callable[[], object]) -> int:
    """Return how many commands a database gets meanwhile."""
    database.command({"profile": 2})
    act()
    database.command({"profile": 0})
    return database["system.profile"].count_documents({"command.profile": {"$exists": False}})


def test_where_there_is_no_schedule_nothing_is_asked(
    queue: Queue, ticker: MakeTicker, database: Database[dict[str, Any]]
) -> None:
    one = ticker()
    assert one.step() > 50

    assert profiled(database, one.step) == 0


def test_until_its_next_tick_nothing_is_asked_of_a_schedule(
    queue: Queue, ticker: MakeTicker, database: Database[dict[str, Any]]
) -> None:
    hourly(queue)
    one = ticker()
    one.step()

    assert profiled(database, one.step) == 0


def test_ticks_come_at_their_time_of_what_is_set_meanwhile_until_it_is_removed(
    queue: Queue, server_uri: str, ticker: MakeTicker
) -> None:
    one, stop = ticker(), threading.Event()
    thread = threading.Thread(target=one.run, args=(stop,))
    thread.start()
    try:
        with Queue(server_uri, queue.connection.ground.database.name) as other:
            wait_until(lambda: one._look_at > 0 and one._news.empty())
            other.schedule("a", {"command": "true"}, every=timedelta(seconds=1))
            wait_until(lambda: len(jobs(queue)) == 2)
            other.remove_schedule("a")
            wait_until(lambda: not one._courses)
    finally:
        stop.set()
        one.wake()
        thread.join()

    made = jobs(queue)
    ticks = [tick_of(job, "schedule-a") for job in made]
    for event, tick in zip(made.values(), ticks, strict=True):
        assert tick is not None
        assert tick[1] is not None
        assert event.at >= tick[1]


@pytest.mark.parametrize("is_over", [False, True])
def test_a_pause_holds_though_no_signal_of_it_was_heard(queue: Queue, ticker: MakeTicker, is_over: bool) -> None:
    queue.schedule("a", {"command": "true"}, every=timedelta(seconds=1))
    one = ticker()
    one.step()
    queue.pause_schedule("a")
    (tick,) = queue.next_ticks("a", 1)
    wait_until(lambda: queue.connection.ground.clock.now() > tick)
    if is_over:
        queue.resume_schedule("a")

    for _ in range(2):
        one.step()

    assert job_id("a", tick) not in jobs(queue)
    assert bool(one._courses) is is_over
