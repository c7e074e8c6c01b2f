"""Jobs counted by state at any time: from the counters of minutes, hours and days, and the log between."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.model.events import Recorded
from eventqueue.model.moments import moment_of
from eventqueue.mongo.past import Past
from eventqueue.ports.log import Append
from projections.keeping.ageing import merge_aged
from projections.reading.nets import counted_near
from tests.builders import enqueued, sealed
from tests.projections.stage import build, live_of, taking_place
from tests.travel.lives import counts_by, lived, taken

SPAN = timedelta(days=40)  # longer than minutes and hours are kept
JOBS = 600


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name, actor="tests") as queue:
        yield queue


def begin_of(histories: Sequence[Append]) -> datetime:
    return min(map(_begin, histories))


def _begin(one: Append) -> datetime:
    moment = moment_of(one.recorded[0])
    assert moment is not None
    return moment


def positive(counts: Any) -> Any:
    """What is there, by queue and state."""
    return {
        queue: {state: n for state, n in states.items() if n}
        for queue, states in counts.items()
        if any(states.values())
    }


def times(now: datetime, chance: random.Random) -> Iterator[datetime]:
    for reach in (timedelta(minutes=2), timedelta(hours=5), timedelta(days=10), SPAN):
        for _ in range(12):
            at = now - chance.random() * reach
            yield at.replace(microsecond=at.microsecond // 1000 * 1000)


def test_at_any_time_each_job_is_counted_in_the_state_it_was_in(queue: Queue) -> None:
    ground = queue.connection.ground
    now = ground.clock.now()
    histories = lived(ground, JOBS, now, SPAN, seed=1)
    build(ground)
    applier = taking_place(ground)
    while merge_aged(applier, ground.clock.now()):
        pass
    begin = begin_of(histories)

    lengths = set()
    for moment in times(now, random.Random(2)):
        if moment >= begin:
            assert positive(queue.at(moment).counts()) == positive(counts_by(histories, moment)), moment
            near = counted_near(live_of(ground), moment)
            assert near is not None
            lengths.add((near.edge > moment, near.edge.minute == 0, near.edge.hour == 0 and near.edge.minute == 0))
    # From edges before and after, of minutes, hours and days.
    assert {one[0] for one in lengths} == {True, False}
    assert {one[1:] for one in lengths} >= {(False, False), (True, False), (True, True)}


def test_what_the_views_have_not_seen_yet_is_counted_from_the_log(queue: Queue) -> None:
    ground = queue.connection.ground
    now = ground.clock.now()
    histories = lived(ground, 50, now, timedelta(hours=1), seed=3)
    build(ground)
    queue.connection.views.refresh()
    queue.enqueue_many([{"command": "true", "queue": "mail"} for _ in range(5)])

    moment = ground.clock.now()
    while ground.clock.now() <= moment + timedelta(milliseconds=1):
        pass
    last = max(moment, next(queue.events(reverse=True)).at)  # type: ignore[union-attr]
    expected = positive(counts_by(histories, now))
    expected["mail"]["pending"] = expected["mail"].get("pending", 0) + 5
    assert positive(queue.at(last).counts()) == expected


def test_a_job_whose_view_stands_still_is_counted_as_it_stood(queue: Queue, database: Database[dict[str, Any]]) -> None:
    ground = queue.connection.ground
    now = ground.clock.now()
    histories = lived(ground, 60, now, timedelta(hours=4), seed=5)
    spoilt: list[Recorded] = []
    for number, one in enumerate(histories):
        if len(one.events) > 2 and number % 2:
            place = {"stream": one.stream, "version": 2}
            assert database["events"].update_one({"_id": place}, {"$set": {"schema": 99}}).modified_count
            histories[number] = Append(one.events[:1])
            spoilt += one.recorded[1:]
    build(ground)

    assert queue.connection.views.parked()
    moments = {at for at in map(moment_of, spoilt) if at is not None}
    for moment in [
        one + step for one in moments for step in (timedelta(0), timedelta(seconds=5), timedelta(minutes=-1))
    ]:
        if begin_of(histories) <= moment <= now:
            assert positive(queue.at(moment).counts()) == positive(counts_by(histories, moment)), moment


def test_what_becomes_visible_late_is_not_missing(
    queue: Queue, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event is stamped before it is committed: the views may have passed the time that it tells of."""
    monkeypatch.setattr("projections.reading.nets.VISIBLE_S", 120)
    ground = queue.connection.ground
    now = ground.clock.now()
    histories = lived(ground, 20, now - timedelta(hours=1), timedelta(hours=1), seed=8)
    build(ground)
    at = now - timedelta(seconds=100)
    (late,) = sealed(enqueued(queue="mail"), stream="job-late", now=at)
    ground.log.append([Append((taken(late, at),))])

    moment = now - timedelta(seconds=50)
    expected = positive(counts_by([*histories, Append((taken(late, at),))], moment))
    assert positive(queue.at(moment).counts()) == expected


def test_a_past_reads_only_what_is_near(queue: Queue, database: Database[dict[str, Any]]) -> None:
    ground = queue.connection.ground
    now = ground.clock.now()
    lived(ground, JOBS, now, timedelta(hours=4), seed=4)
    build(ground)
    moment = now - timedelta(hours=2)
    near = counted_near(live_of(ground), moment)

    assert near is not None
    assert abs(near.edge - moment) <= timedelta(seconds=30)
    past = Past(ground.database, ground.log, moment)
    read = list(past.since(near.edge, {})) if near.edge <= moment else list(past.beyond(near.edge, {}))
    assert len(read) < 100
