"""What happened in a window that is past: what came after its end is no part of it, however coarse the counters are."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.model.codec import seal
from eventqueue.model.events import EMPTY, Recorded
from eventqueue.ports.log import Append
from eventqueue.ports.views import Stats
from projections.keeping.ageing import merge_aged
from projections.reading import windows
from tests.builders import COMPLETED, claimed, enqueued
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
