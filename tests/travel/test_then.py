"""The queue as it was: whatever happened by chance, what is shown of a moment is what was shown live at that moment."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.errors import InvalidInput, Refused
from eventqueue.model.job import State
from eventqueue.model.moments import AHEAD
from eventqueue.ports.views import Filter
from eventqueue.telling.words import instant
from tests.travel.lives import Chances, seen


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name, actor="tests") as queue:
        yield queue


@pytest.mark.parametrize("seed", range(2))
def test_what_is_shown_of_a_moment_is_what_was_shown_then(queue: Queue, seed: int) -> None:
    chances = Chances(queue, seed)
    shown = []
    queue.enqueue(command="true", queue="web")
    for _ in range(6):
        for _ in range(25):
            chances.happen()
        moment = chances.moment()
        shown.append((moment, seen(queue), queue.connection.ground.clock.now()))
    queue.enqueue(command="true", queue="later")
    chances.end()

    for moment, live, asked in shown:
        then = seen(queue.at(moment))
        _leave_out_what_became_due(then, live, asked)
        assert then == live


def test_the_time_of_what_was_read_just_now_is_not_yet_to_come(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    queue.enqueue(id="one", command="true")
    at = queue.get("one").created_at
    monkeypatch.setattr(queue.connection.ground.clock, "now", lambda: at - timedelta(milliseconds=50))

    assert [job.id for job in queue.at(at).list()] == ["one"]
    assert queue.at(at).counts() == {"default": {State.PENDING: 1}}
    with pytest.raises(InvalidInput, match="lies in the future"):
        queue.at(at + AHEAD)


def _leave_out_what_became_due(then: Mapping[str, Any], live: Mapping[str, Any], asked: datetime) -> None:
    """Of what became due between the moment and the question: it waited for its time, and for another thing after."""
    for job_id in [job_id for job_id, wait in then["waits"].items() if (wait["until"] or "Z") <= instant(asked)]:
        del then["waits"][job_id], live["waits"][job_id]


def test_it_is_the_same_where_there_are_no_views(queue: Queue, database: Database[dict[str, Any]]) -> None:
    chances = Chances(queue, 7)
    for _ in range(60):
        chances.happen()
    moment = chances.moment()
    live, asked = seen(queue), queue.connection.ground.clock.now()
    chances.happen()
    chances.end()

    database["views"].delete_many({})
    database["checkpoints"].delete_many({})

    then = seen(queue.at(moment))
    _leave_out_what_became_due(then, live, asked)
    assert then == live
    assert database["views"].count_documents({}) == 0  # and nothing was built for it


def test_a_job_that_was_not_there_yet_is_refused(queue: Queue) -> None:
    queue.enqueue(command="true", id="one")
    moment = Chances(queue, 0).moment()
    queue.enqueue(command="true", id="two")

    with pytest.raises(Refused, match="two was not there yet"):
        queue.at(moment).get("two")


@pytest.mark.parametrize(
    ("away", "problem"), [(timedelta(days=-400), "the log begins at 20"), (timedelta(hours=1), "in the future: it is")]
)
def test_a_time_before_the_log_or_in_the_future_is_refused(queue: Queue, away: timedelta, problem: str) -> None:
    queue.enqueue(command="true")

    with pytest.raises(InvalidInput, match=problem):
        queue.at(datetime.now(UTC) + away)


def test_of_an_empty_log_there_is_no_past(queue: Queue) -> None:
    with pytest.raises(InvalidInput, match="the log is empty"):
        queue.at(datetime.now(UTC) - timedelta(seconds=5))


def test_a_time_without_a_zone_is_refused(queue: Queue) -> None:
    with pytest.raises(InvalidInput, match="time zone"):
        queue.at(datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_of_a_job_that_cannot_be_read_to_its_end_the_list_shows_what_can(
    queue: Queue, database: Database[dict[str, Any]]
) -> None:
    queue.enqueue(command="true", id="one")
    queue.cancel("one")
    moment = Chances(queue, 0).moment()
    database.command("collMod", "events", validator={})
    database["events"].update_one({"_id": {"stream": "job-one", "version": 2}}, {"$set": {"schema": 99}})

    assert [(job.id, job.state) for job in queue.at(moment).list(Filter()).jobs] == [("one", State.PENDING)]


def test_the_schedules_of_then_are_those_that_were_set_and_not_removed_by_then(queue: Queue) -> None:
    for name in ("kept", "gone", "paused"):
        queue.schedule(name, {"command": "true"}, every=60)
    queue.remove_schedule("gone")
    queue.pause_schedule("paused", "for a while")
    moment = queue.connection.ground.clock.now()
    queue.resume_schedule("paused")
    queue.schedule("kept", {"command": "other"}, every=60)
    queue.schedule("later", {"command": "true"}, every=60)

    kept, paused = queue.at(moment).schedules()

    assert (kept.name, kept.fields["command"], kept.last) == ("kept", "true", None)
    assert kept.next_at is not None
    assert moment < kept.next_at <= moment + timedelta(seconds=60)
    assert paused.pause is not None
    assert (paused.name, paused.pause.why) == ("paused", "for a while")
