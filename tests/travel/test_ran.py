"""What a worker ran: each of its attempts once, the last first, with how it ended; by now, and by a moment."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from bson.timestamp import Timestamp
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.api.then import Then
from eventqueue.audit.wanted import Wanted
from eventqueue.errors import InvalidInput
from eventqueue.model.events import Claimed, Recorded, name_in
from eventqueue.model.job import decide
from eventqueue.model.lives import WorkerLeft, WorkerLost
from eventqueue.model.moments import moment_of, was_by
from eventqueue.mongo.past import Past
from eventqueue.ports.views import WorkerRun
from eventqueue.travel import ran
from tests.builders import complete, fail
from tests.travel.lives import Chances, append_to
from tests.travel.test_gone import claim, started, told


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name, actor="tests") as queue:
        yield queue


def settle(queue: Queue, job_id: str, *, well: bool = True) -> None:
    job, ground = queue.get(job_id), queue.connection.ground
    command = (complete if well else fail)(job.claim or 0)
    append_to(ground, job.stream, job.head, decide(job, command, ground.clock.now()))


def all_of(seen: Queue | Then, worker: str, limit: int) -> Sequence[WorkerRun]:
    """Return all that a worker ran, slice after slice."""
    found: list[WorkerRun] = []
    before = None
    while True:
        some = seen.worker_runs(worker, limit, before=before)
        found += some.runs
        if some.older is None:
            return found
        assert len(some) == limit or some.looked is not None
        before = some.older


def test_what_runs_since_just_now_is_told_also_by_who_has_a_clock_that_is_a_little_behind(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(queue, "web-1:a", started())
    queue.enqueue(id="one", command="true")
    claim(queue, "one", "web-1:a")
    (run,) = queue.worker_runs("web-1:a")
    assert run.began_at is not None
    before = run.began_at - timedelta(milliseconds=50)
    monkeypatch.setattr(queue.connection.ground.clock, "now", lambda: before)

    assert [*queue.worker_runs("web-1:a")] == [run]


def test_each_attempt_is_told_with_the_job_as_it_was_then_and_how_it_ended(queue: Queue) -> None:
    told(queue, "web-1:a", started())
    queue.enqueue(id="one", command="make", queue="mail", max_retries=1, backoff={"base": 100, "cap": 100})
    queue.enqueue(id="two", command="true")
    queue.amend("one", queue="post", command="make all")
    claim(queue, "one", "web-1:a")
    settle(queue, "one", well=False)
    queue.amend("one", queue="elsewhere")
    claim(queue, "two", "web-1:b")
    queue.retry("one")
    claim(queue, "one", "web-1:a")

    second, first = queue.worker_runs("web-1:a")

    assert (first.job, first.claim, first.attempt, first.queue) == ("one", 3, 1, "post")
    assert first.run is not None
    assert first.run.text == "make all"
    assert (first.ending, first.exit_code, first.error) == ("failed", 1, "It ended with 1.")
    assert first.lasted is not None
    assert (second.job, second.attempt, second.queue, second.ending, second.lasted) == (
        *("one", 2, "elsewhere"),
        *(None, None),
    )
    assert [one.job for one in queue.worker_runs("web-1:b")] == ["two"]
    assert list(queue.worker_runs("nobody")) == []


@pytest.mark.parametrize(("look", "limit"), [(3, 1), (7, 4), (20_000, 3), (20_000, 1000)])
def test_slice_after_slice_all_that_each_worker_ran_is_told_once_by_now_and_by_then(
    queue: Queue, look: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ran, "LOOK", look)
    monkeypatch.setattr(ran, "LOOKS", 2)
    chances = Chances(queue, seed=limit)
    moments = []
    for _ in range(3):
        for _ in range(60):
            chances.happen()
        moments.append(chances.moment())

    claims = list(queue.events(Wanted(types=("claimed",)), reverse=True))
    workers = {one.event.worker for one in claims if isinstance(one, Recorded) and isinstance(one.event, Claimed)}

    assert len(workers) > 1
    for worker in workers:
        theirs = [one for one in claims if getattr(getattr(one, "event", None), "worker", None) == worker]
        for moment in moments:
            found = all_of(queue.at(moment), worker, limit)
            assert [(one.job, one.claim) for one in found] == [
                (name_in(one.stream), one.version) for one in theirs if was_by(one, moment)
            ]
            for one in found:
                history = queue.at(moment).history(one.job)
                assert (one.ending is None) == (len(history) == one.claim)
        assert [one.claim for one in all_of(queue, worker, limit)] == [one.version for one in theirs]


def test_what_came_after_a_moment_and_what_runs_then_is_told_as_it_was(queue: Queue) -> None:
    told(queue, "web-1:a", started())
    queue.enqueue(id="one", command="true")
    claim(queue, "one", "web-1:a")
    moment = moment_of(queue.history("one")[-1])
    assert moment is not None
    while queue.connection.ground.clock.now() <= moment:
        pass
    settle(queue, "one")
    told(queue, "web-1:a", WorkerLeft())

    ((then,), (now,)) = queue.at(moment).worker_runs("web-1:a"), queue.worker_runs("web-1:a")

    assert (then.ending, now.ending) == (None, "completed")


def test_a_claim_is_told_that_came_just_after_its_worker_was_taken_for_dead_and_none_at_no_version(
    queue: Queue, database: Database[Any]
) -> None:
    told(queue, "web-1:a", started())
    queue.enqueue(id="one", command="true")
    told(queue, "web-1:a", WorkerLost(seen_dead=False))
    over = queue.connection.ground.clock.now()
    while queue.connection.ground.clock.now() <= over + timedelta(milliseconds=5):
        pass
    claim(queue, "one", "web-1:a")
    events = database["events"]
    odd = events.find_one({"_id": {"stream": "job-one", "version": 2}}) or {}
    elsewhere = {**odd, "_id": {"stream": "job-one", "version": "2"}, "ts": Timestamp(0, 0)}
    events.insert_one(elsewhere, bypass_document_validation=True)

    assert [(one.job, one.claim) for one in queue.worker_runs("web-1:a")] == [("one", 2)]


def test_where_it_takes_long_it_is_told_how_far_it_was_looked_and_from_where_on_there_is_more(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ran, "LOOK", 3)
    monkeypatch.setattr(ran, "LOOKED_S", 600.0)
    queue.enqueue(id="one", command="true")
    claim(queue, "one", "web-1:a")
    queue.enqueue_many([{"command": "true"}] * 8)
    whole = queue.worker_runs("web-1:a")
    monkeypatch.setattr(ran, "LOOKED_S", 0.0)

    some = queue.worker_runs("web-1:a")

    assert [one.job for one in whole] == ["one"]
    assert (list(some), some.looked) == ([], 3)
    assert [one.job for one in all_of(queue, "web-1:a", 50)] == ["one"]


def test_an_edge_of_the_log_has_so_many_events_behind_it(queue: Queue) -> None:
    queue.enqueue(id="one", command="true")
    claim(queue, "one", "web-1:a")
    settle(queue, "one")
    ground = queue.connection.ground
    past = Past(ground.database, ground.log, ground.clock.now())
    first, second, third = (one.ts for one in queue.history("one"))
    bounds = {"ts": {"$gte": first, "$lte": third}}

    assert [past.edge(bounds, number) for number in range(4)] == [third, second, first, None]
    assert past.edge({"ts": {"$gte": first, "$lt": third}}, 0) == second


def test_of_a_claim_that_cannot_be_read_it_is_told_where_it_is(queue: Queue, database: Database[Any]) -> None:
    queue.enqueue(id="one", command="true")
    claim(queue, "one", "web-1:a")
    settle(queue, "one")
    for version in (1, 2, 3):
        database["events"].update_one({"_id": {"stream": "job-one", "version": version}}, {"$set": {"schema": 99}})

    (found,) = queue.worker_runs("web-1:a")

    assert (found.job, found.claim, found.attempt, found.queue, found.ending) == ("one", 2, None, None, "unreadable")


@pytest.mark.parametrize("before", ["", "x", "1", "1.2.a", "99999999999.1", "4294967296.1", "1.2.a@x", "1.2@3"])
def test_a_place_that_is_none_is_refused(queue: Queue, before: str) -> None:
    with pytest.raises(InvalidInput, match="before"):
        queue.worker_runs("web-1:a", before=before)
    with pytest.raises(InvalidInput, match="limit"):
        queue.worker_runs("web-1:a", 0)
