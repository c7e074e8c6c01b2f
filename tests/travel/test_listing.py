"""Lists of the past are in the order of the live ones, also of what the log took later than it was sealed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.model.job import Job, State
from eventqueue.mongo import timeline
from eventqueue.ports.views import Filter
from eventqueue.travel import listing
from tests.projections.stage import build
from tests.travel.lives import FILTERS, lived

JOBS = 300


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name, actor="tests") as queue:
        ground = queue.connection.ground
        lived(ground, JOBS, ground.clock.now(), timedelta(hours=2), seed=11)
        build(ground)
        yield queue


def told(jobs: Sequence[Job]) -> Sequence[tuple[str, int]]:
    return [(one.id, one.version) for one in jobs]


@pytest.mark.parametrize("window", [20, 20_000])
@pytest.mark.parametrize("is_lately", [True, False])
def test_a_list_of_now_told_from_the_log_is_the_live_one(
    queue: Queue, window: int, is_lately: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "WINDOW", window)
    now = queue.connection.ground.clock.now()
    since = now - timedelta(minutes=30) if is_lately else None
    then = queue.at(now)
    filters = [replace(one, since=since) for one in FILTERS]
    filters += [Filter(state=State.DEAD, error="boom", since=since), Filter(state=State.DEAD, error="1.", since=since)]

    for filter_ in filters:
        assert told(then.list(filter_).jobs) == told(queue.list(filter_).jobs), filter_


def test_nothing_more_is_read_once_all_that_there_is_was_found(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 10)
    queue.enqueue(command="true", id="new", queue="new")
    queue.cancel("new")
    then = queue.at(queue.connection.ground.clock.now())
    looked: list[str] = []
    histories = then._past.histories

    def watched(streams: Collection[str]) -> Mapping[str, list[bytes]]:
        looked.extend(streams)
        return histories(streams)

    monkeypatch.setattr(then._past, "histories", watched)

    assert [job.id for job in then.list(Filter(state=State.CANCELLED, queue="new", limit=None)).jobs] == ["new"]
    assert len(looked) <= 10
