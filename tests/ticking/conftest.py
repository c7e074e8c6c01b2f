"""A database of the test's own, and tickers in it that take a step when the test says so.

Schedules are set as if hours ago: of what is due then nothing has to be waited for.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.connect import make_ticker
from eventqueue.model.codec import seal
from eventqueue.model.events import EMPTY, Event, Recorded, stream_of
from eventqueue.ports.log import Append
from eventqueue.schedules.events import Missed, Overlap, ScheduleSet
from eventqueue.schedules.schedule import Schedule
from eventqueue.schedules.ticks import job_id, stream_for
from eventqueue.steering.schedules import look
from eventqueue.ticking.ticker import Ticker
from tests.builders import append, enqueued

MakeTicker = Callable[[], Ticker]
HOUR, ASIDE = timedelta(hours=1), timedelta(minutes=5)


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name) as queue:
        yield queue


@pytest.fixture
def ticker(queue: Queue) -> MakeTicker:
    """Makes tickers, each as a process of its own would have it: nothing is known to it yet."""
    return lambda: make_ticker(queue.connection, {})


def happened(queue: Queue, stream: str, *events: Event, at: datetime) -> None:
    """Append what happened at a time, which may be long ago."""
    last = queue.connection.ground.log.read_last(stream)
    one = append(stream, *events, now=at) if last is None else append(stream, *events, head=last.head, now=at)
    (result,) = queue.connection.ground.log.append([one])
    assert result.is_whole


def hourly(queue: Queue, name: str = "a", hours: int = 3, **fields: Any) -> list[datetime]:
    """Have a schedule be set so many ticks ago, one each hour; return these ticks."""
    now = queue.connection.ground.clock.now()
    tick = now.replace(minute=0, second=0, microsecond=0)
    if not ASIDE < now - tick < HOUR - ASIDE:  # no tick is to come while the test runs
        tick += HOUR / 2 if now - tick > ASIDE else -HOUR / 2
        fields = {"cron": "30 * * * *", **fields}
    usual = {"fields": {"command": "true", "cwd": "/"}, "missed": Missed.ONCE, "overlap": Overlap.ALLOW}
    event = ScheduleSet(**{**usual, "cron": "0 * * * *", **fields})
    happened(queue, stream_for(name), event, at=tick - (hours - 0.5) * HOUR)
    return [tick - number * HOUR for number in range(hours)][::-1]


def made(queue: Queue, name: str, at: datetime) -> str:
    """Have the job of a tick be there, as another ticker has made it at its time; return its id."""
    ground, job = queue.connection.ground, job_id(name, at)
    (one,) = ground.log.append([made_by(look(ground.log, name), at)])
    assert one.is_whole
    return job


def made_by(schedule: Schedule, at: datetime) -> Append:
    """What makes the job of a schedule's tick."""
    stream = stream_of("job", job_id(schedule.name, at))
    return Append(seal(stream, EMPTY, [enqueued()], actor="ticker/test", now=at, cause=schedule.set_id))


def jobs(queue: Queue) -> dict[str, Recorded]:
    """Return the events by which the log's jobs began, by their ids."""
    scanned = queue.connection.ground.log.scan("job")
    return {one.stream.removeprefix("job-"): one for one in scanned if one.version == 1}


def told(queue: Queue, name: str = "a") -> list[Event]:
    """Return what has happened to a schedule since it was set."""
    return [one.event for one in queue.connection.ground.log.read(stream_for(name), after=1)]
