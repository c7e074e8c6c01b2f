"""Reading the log through the API: by a job's queue and tags, and what comes after what is there."""

import threading
from collections.abc import Iterator
from itertools import takewhile
from typing import Any

import bson
import pytest
from bson.timestamp import Timestamp
from pymongo.collection import Collection
from pymongo.database import Database

from eventqueue.api import events
from eventqueue.api.queue import Queue
from eventqueue.audit.wanted import Wanted
from eventqueue.errors import InvalidInput
from eventqueue.model.moments import moment_of
from eventqueue.model.readable import Read
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.log import VISIBLE_S
from eventqueue.mongo.timeline import Following, Timeline
from tests.builders import append, enqueued


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, object]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name, actor="tests") as queue:
        yield queue


def places(found: Iterator[Read]) -> list[tuple[str, int]]:
    return [(one.stream, one.version) for one in found]


def test_a_queues_events_are_its_own_and_those_of_its_jobs(queue: Queue) -> None:
    queue.enqueue(command="true", id="one", queue="mail", tags=["night"])
    queue.enqueue(command="true", id="two", queue="web", tags=["night"])
    queue.pause_queue("mail")
    queue.pause_queue("web")
    queue.cancel("one")
    queue.cancel("two")

    assert places(queue.events(Wanted(queue="mail"))) == [("job-one", 1), ("queue-mail", 1), ("job-one", 2)]
    assert places(queue.events(Wanted(tag="night", types=("cancelled",)))) == [("job-one", 2), ("job-two", 2)]
    assert places(queue.events(Wanted(tag="night", queue="web"))) == [("job-two", 1), ("job-two", 2)]
    assert places(queue.events(Wanted(tag="day"))) == []


def test_all_streams_are_read_and_in_reverse_too(queue: Queue) -> None:
    queue.enqueue(command="true", id="one")
    queue.configure("grace", 20)
    queue.pause_queue("mail")
    all_ = [("job-one", 1), ("config-default", 1), ("queue-mail", 1)]

    assert places(queue.events()) == all_
    assert places(queue.events(reverse=True)) == all_[::-1]


def test_a_type_that_no_event_has_is_refused(queue: Queue) -> None:
    with pytest.raises(InvalidInput, match="meant"):
        queue.events(Wanted(types=("fail",)))


@pytest.mark.parametrize("last", [None, 3])
def test_between_what_is_there_and_what_comes_nothing_is_lost_and_nothing_told_twice(
    queue: Queue, server_uri: str, last: int | None
) -> None:
    go_on = threading.Event()
    enqueued: list[str] = []

    def enqueue() -> None:
        with Queue(server_uri, queue.connection.ground.database.name) as other:
            while not go_on.is_set():
                enqueued.append(other.enqueue(command="true").id)

    writer = threading.Thread(target=enqueue)
    writer.start()
    try:
        found: list[str] = []
        for one in queue.follow_events(Wanted(types=("enqueued",)), last):
            if one is not None:
                found.append(one.stream.removeprefix("job-"))
            if len(found) > 100:
                break
    finally:
        go_on.set()
        writer.join()

    begin = enqueued.index(found[0])
    assert found == enqueued[begin : begin + len(found)]
    assert begin == 0 or last is not None


def test_an_event_with_something_else_in_the_place_of_the_logs_time_is_read_all_the_same(
    queue: Queue, database: Database[dict[str, object]]
) -> None:
    queue.enqueue(command="true", id="a")
    database.command("collMod", "events", validator={})
    database["events"].update_one({}, {"$set": {"ts": 7.5}})

    assert [one.version for one in queue.events(Wanted(streams=("job-a",)))] == [1]
    assert moment_of(next(queue.events(Wanted(streams=("job-a",))))) is None


def test_what_comes_between_the_opening_and_the_reading_of_the_past_is_told_once(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Timeline.follow

    def follow(self: Timeline) -> Following:
        queue.enqueue(command="true", id="before")
        following = opened(self)
        queue.enqueue(command="true", id="between")
        return following

    monkeypatch.setattr(Timeline, "follow", follow)
    coming = queue.follow_events()
    past = [one.stream for one in takewhile(lambda one: one is not None, coming) if one is not None]
    queue.enqueue(command="true", id="after")
    new = next(one.stream for one in coming if one is not None)

    assert past == ["job-before", "job-between"]
    assert new == "job-after"


def test_what_was_stamped_before_the_opening_and_can_be_read_only_after_it_is_told_once(
    queue: Queue, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Timeline.follow
    queue.enqueue(command="true", id="first")

    def follow(self: Timeline) -> Following:
        following = opened(self)
        (late,) = append("job-late", enqueued(), now=queue.connection.ground.clock.now()).events
        stamped = Timestamp(following.since.time - VISIBLE_S, 1)
        database["events"].insert_one({**bson.decode(late.raw), "ts": stamped})
        return following

    monkeypatch.setattr(Timeline, "follow", follow)
    coming = queue.follow_events()
    past = {one.stream for one in takewhile(lambda one: one is not None, coming) if one is not None}
    queue.enqueue(command="true", id="after")
    new = next(one.stream for one in coming if one is not None)

    assert past == {"job-late", "job-first"}
    assert new == "job-after"


def test_who_follows_is_told_all_from_the_time_on_up_to_which_the_past_was_read(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What the server has applied and a majority not yet is in neither, if the stream begins behind it.
    begun: list[object] = []
    watch = Collection.watch

    def noted(self: Any, *args: Any, **named: Any) -> Any:
        begun.append(named.get("start_at_operation_time"))
        return watch(self, *args, **named)

    monkeypatch.setattr(Collection, "watch", noted)
    asked = majority_time(queue.connection.ground.database)
    queue.enqueue(command="true", id="one")

    coming = queue.follow_events()
    past = [one.stream for one in takewhile(lambda one: one is not None, coming) if one is not None]

    assert past == ["job-one"]
    (begin,) = begun
    assert isinstance(begin, Timestamp)
    assert begin >= asked


def test_of_however_many_jobs_few_are_remembered_and_each_is_found_by_what_it_was_enqueued_with(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "KNOWN_MAX", 2)
    monkeypatch.setattr(events, "AT_ONCE", 1)
    for number in range(8):
        queue.enqueue(command="true", id=str(number), queue="mail" if number % 2 else "web")
    for number in range(8):
        queue.cancel(str(number))

    found = places(queue.events(Wanted(queue="mail", types=("cancelled",))))

    assert found == [(f"job-{number}", 2) for number in (1, 3, 5, 7)]
    assert len(queue._events._known) <= 3
