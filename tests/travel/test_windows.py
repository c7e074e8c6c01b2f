"""What happened in a window that is past: what came after its end is no part of it, however coarse the counters are."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.model.codec import seal
from eventqueue.model.events import EMPTY, Recorded
from eventqueue.ports.log import Append
from eventqueue.ports.views import Stats
from projections.folds import rates
from projections.folds.stats import MINUTE_S, MINUTES_KEPT
from projections.keeping import ageing
from projections.keeping.ageing import merge_aged
from projections.reading import windows
from tests.builders import COMPLETED, append, claimed, enqueued
from tests.projections.stage import build, taking_place
from tests.travel.lives import Chances, taken

SPAN = timedelta(days=40)  # longer than minutes and hours are kept
JOBS = 400


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name, actor="tests") as queue:
        yield queue


def lived(queue: Queue, chance: random.Random) -> Sequence[Recorded]:
    """Have jobs run in the last `SPAN`, of which much in one minute and one hour; return their events."""
    ground = queue.connection.ground
    now = ground.clock.now() - timedelta(seconds=5)
    found = []
    for number in range(JOBS):
        reach = chance.choice((timedelta(minutes=3), timedelta(hours=5), timedelta(days=12), SPAN))
        times = sorted(now - chance.random() * reach for _ in range(3))
        one: list[Any] = []
        for at, event in zip(times, (enqueued(queue="q"), claimed(), COMPLETED), strict=True):
            head = one[-1].recorded.head if one else EMPTY
            (sealed,) = seal(f"job-old-{number}", head, [event], actor="test", now=at)
            one.append(taken(sealed, sealed.recorded.at))
        found.append(Append(tuple(one)))
    assert all(each.is_whole for each in ground.log.append(found))
    build(ground)
    applier = taking_place(ground)
    while merge_aged(applier, ground.clock.now()):
        pass
    return [one for append in found for one in append.recorded]


def happened(events: Sequence[Recorded], since: datetime, until: datetime) -> dict[str, int]:
    names = {"Enqueued": "enqueued", "Completed": "completed"}
    found = dict.fromkeys(names.values(), 0)
    for one in events:
        if since <= one.at <= until and (name := names.get(type(one.event).__name__)):
            found[name] += 1
    return found


def told(found: Stats) -> dict[str, int]:
    return {"enqueued": found.total.enqueued, "completed": found.total.completed}


def asked(queue: Queue, chance: random.Random) -> Iterator[tuple[datetime, timedelta]]:
    now = queue.connection.ground.clock.now()
    for reach in (timedelta(minutes=3), timedelta(hours=5), timedelta(days=12), SPAN):
        for window in (timedelta(minutes=10), timedelta(hours=3), timedelta(days=5)):
            at = now - chance.random() * reach
            yield at.replace(microsecond=at.microsecond // 1000 * 1000), window


@pytest.mark.parametrize("most", [windows.PART_MAX, 3])
def test_a_window_tells_what_happened_from_when_to_when_it_says(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    chance = random.Random(most)
    events = lived(queue, chance)
    monkeypatch.setattr(windows, "PART_MAX", most)
    cut = 0

    for moment, window in asked(queue, chance):
        if moment < min(one.at for one in events) + timedelta(seconds=1):
            continue
        found = queue.at(moment).stats(window)

        cut += found.until < moment
        assert found.until == moment or most < windows.PART_MAX or found.until < moment
        assert found.since <= found.until - window or found.since <= min(one.at for one in events)
        end = found.until if found.until == moment else found.until - timedelta(milliseconds=1)
        assert told(found) == happened(events, found.since, end), (moment, window, found)
    assert (cut > 0) == (most == 3)  # where much happened it ends sooner, and says so


def test_what_was_told_of_the_last_hour_is_told_of_it_once_it_is_past(queue: Queue) -> None:
    chances = Chances(queue, 11)
    for _ in range(80):
        chances.happen()
    moment = chances.moment()
    live = queue.stats()
    for _ in range(40):
        chances.happen()
    queue.status()  # the views have all of it

    found = queue.at(moment).stats()

    assert live.total.wait is not None
    for name in ("enqueued", "completed", "failed", "dead", "cancelled", "retried", "late", "wait", "run"):
        assert getattr(found.total, name) == getattr(live.total, name), name


@pytest.mark.parametrize("queue_name", [None, "q", "other"])
def test_each_part_of_a_window_tells_what_happened_in_it_and_none_is_left_out(
    queue: Queue, queue_name: str | None
) -> None:
    chance = random.Random(5)
    events = lived(queue, chance)
    of_it = events if queue_name != "other" else []

    for window in (timedelta(minutes=5), timedelta(hours=1), timedelta(hours=24), SPAN):
        now = queue.connection.ground.clock.now()
        old = [one.at for one in events if now - SPAN / 2 < one.at < now - timedelta(hours=10)]
        moments = [now - timedelta(hours=1), *(at + timedelta(milliseconds=1) for at in sorted(old)[-5:])]
        pasts = [queue.at(moment).rates(window, queue_name) for moment in moments]
        for parts in (queue.rates(window, queue_name), *(some for some in pasts if some)):
            assert len(parts) <= rates.PARTS_MAX + 2
            assert all(one.until == other.since for one, other in pairwise(parts))
            assert parts[-1].until - parts[0].since >= window - timedelta(hours=1)
            for part in parts:
                counts = happened(of_it, part.since, part.until - timedelta(milliseconds=1))
                assert {"enqueued": part.enqueued, "completed": part.completed} == counts, part


@pytest.mark.parametrize("queue_name", [None, "q"])
def test_what_happens_as_a_part_begins_is_told_of_it_at_once(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, queue_name: str | None
) -> None:
    ground = queue.connection.ground
    begin = datetime.fromtimestamp(int(ground.clock.now().timestamp()) // MINUTE_S * MINUTE_S, UTC)
    event = seal("job-first", EMPTY, [enqueued(queue="q")], actor="test", now=begin)[0]
    ground.log.append([Append((taken(event, begin),))])
    build(ground)

    for later in (-50, 0, 1, 300, 999, 1000, 59_999):  # before 0: by a clock that is a little behind
        now = begin + timedelta(milliseconds=later)
        monkeypatch.setattr(ground.clock, "now", lambda now=now: now)

        for window in (timedelta(minutes=5), timedelta(days=14)):
            parts = queue.connection.views.rates(window, queue=queue_name)
            assert sum(one.enqueued for one in parts) == 1, (later, window)
            assert parts[-1].until == now
        assert queue.connection.views.stats(timedelta(hours=1)).total.enqueued == 1


def test_what_a_hand_has_stamped_years_ahead_is_told_of_no_window_that_ends_now(queue: Queue) -> None:
    ground = queue.connection.ground
    now = ground.clock.now()
    for job_id, at in (("now", now), ("soon", now + timedelta(seconds=1)), ("ahead", now + timedelta(days=3650))):
        ground.log.append([append(f"job-{job_id}", enqueued(queue="q"), now=at)])
    build(ground)

    assert queue.stats(timedelta(minutes=5)).total.enqueued == 2
    assert sum(one.enqueued for one in queue.rates(timedelta(minutes=5))) == 2


def test_while_an_hour_is_being_merged_its_parts_do_not_overlap(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ageing, "MERGED_MAX", 3)
    ground = queue.connection.ground
    hour = ground.clock.now().replace(minute=0, second=0, microsecond=0) - MINUTES_KEPT - timedelta(hours=1)
    for minute in range(0, 60, 7):
        ground.log.append([append(f"job-{minute}", enqueued(queue="q"), now=hour + timedelta(minutes=minute))])
    with monkeypatch.context() as then:
        then.setattr(ground.clock, "now", lambda: hour + timedelta(hours=1))
        build(ground)
    applier = taking_place(ground)

    looks = 0
    while looks == 0 or merge_aged(applier, ground.clock.now()):
        looks += 1
        for window in (timedelta(hours=10), timedelta(hours=24)):
            parts = queue.connection.views.rates(window, queue="q")
            assert all(before.until == after.since for before, after in pairwise(parts))
            assert sum(one.enqueued for one in parts) == 9
    assert looks > 2


def test_a_window_that_is_past_ends_where_what_is_counted_together_begins(queue: Queue) -> None:
    lived(queue, random.Random(6))
    moment = queue.connection.ground.clock.now() - timedelta(hours=20)

    last = queue.at(moment).rates(timedelta(hours=3))[-1]

    assert last.until <= moment < last.until + timedelta(hours=1)


def test_the_parts_of_all_queues_are_added_up_by_the_server(queue: Queue, database: Database[dict[str, Any]]) -> None:
    queue.enqueue_many([{"command": "true", "queue": f"q{number}"} for number in range(300)])
    queue.status()
    database.command("profile", 2)
    try:
        parts = queue.rates()
    finally:
        database.command("profile", 0)

    assert sum(one.enqueued for one in parts) == 300
    asked = [
        *database["system.profile"].find({"op": {"$in": ["command", "getmore"]}, "command.aggregate": {"$exists": 1}})
    ]
    assert 0 < sum(one["nreturned"] for one in asked) < 10
