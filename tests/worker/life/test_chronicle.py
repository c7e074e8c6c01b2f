"""What becomes of workers is told in the log, each thing once, whoever tells it and wherever he dies in between."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest
from bson.timestamp import Timestamp

from eventqueue.api.queue import Queue
from eventqueue.api.then import Then
from eventqueue.errors import LogUnavailable
from eventqueue.model.events import Event, Recorded, stream_of
from eventqueue.model.job import Complete, State
from eventqueue.model.lives import CATEGORY, WorkerLeft, WorkerLost, WorkerStarted, WorkerStopAsked
from eventqueue.steering import chronicle
from eventqueue.worker.life import rescue
from tests.travel.lives import Chances
from tests.worker.stage import Hand, Stage


@pytest.fixture
def rescuer(stage: Stage) -> Hand:
    return stage.worker("rescuer")


def life(stage: Stage, worker: str) -> Sequence[Recorded]:
    return stage.log.read(stream_of(CATEGORY, worker))


def told(stage: Stage, worker: str) -> list[Event]:
    return [one.event for one in life(stage, worker)]


def test_a_lost_worker_is_told_of_with_what_it_held(stage: Stage, rescuer: Hand) -> None:
    lost = stage.incarnation("lost")
    jobs = sorted(stage.enqueue() for _ in range(2))
    for job in jobs:
        stage.claim(job, lost)
    stage.project()
    stage.end_lease(lost)
    renewed_at = stage.connection.incarnations.get([lost])[lost].renewed_at

    rescuer.rescue.rescue_once(may_bury=True)

    (recorded,) = life(stage, lost)
    assert isinstance(recorded.event, WorkerLost)
    assert (sorted(recorded.event.held), recorded.event.renewed_at) == (jobs, renewed_at)
    assert recorded.actor == f"worker/{rescuer.me.id}"


def test_what_it_held_is_told_once_the_views_show_what_it_had_claimed_and_settled(
    stage: Stage, rescuer: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = stage.incarnation("lost")
    done, running = stage.enqueue(), stage.enqueue()
    claim = stage.claim(done, lost)
    stage.project()
    assert stage.append(claim, Complete(claim=claim.version))
    stage.claim(running, lost)
    stage.end_lease(lost)
    finder = stage.connection.finder
    shows = finder.shows
    looked: list[bool] = []

    def and_catch_up(end: Timestamp) -> bool:
        looked.append(shows(end))
        stage.project()
        return looked[-1]

    monkeypatch.setattr(rescuer.rescue, "_finder", finder)
    monkeypatch.setattr(finder, "shows", and_catch_up)
    rescuer.rescue.rescue_once(may_bury=True)

    (event,) = told(stage, lost)
    assert isinstance(event, WorkerLost)
    assert (event.held, looked) == ((running,), [False, True])


def test_where_the_views_stand_still_it_is_told_of_what_the_log_has_of_it(
    stage: Stage, rescuer: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescue, "VIEWS_S", 0.0)
    lost = stage.incarnation("lost")
    done, running = stage.enqueue(), stage.enqueue()
    claims = [stage.claim(job, lost) for job in (done, running)]
    stage.project()
    assert stage.append(claims[0], Complete(claim=claims[0].version))
    stage.end_lease(lost)

    rescuer.rescue.rescue_once(may_bury=True)

    (event,) = told(stage, lost)
    assert isinstance(event, WorkerLost)
    assert event.held == (running,)


def test_a_worker_that_is_lost_while_it_holds_nothing_is_told_of_too(stage: Stage, rescuer: Hand) -> None:
    lost, silent = stage.incarnation("lost"), stage.incarnation("silent")
    stage.end_lease(lost)

    rescuer.rescue.rescue_once(may_bury=False)
    assert told(stage, lost) == []  # its silence is no proof yet
    rescuer.rescue.rescue_once(may_bury=True)

    assert [type(one) for one in told(stage, lost)] == [WorkerLost]
    assert told(stage, silent) == []


def test_it_is_told_once_however_many_rescuers_look(stage: Stage, rescuer: Hand) -> None:
    lost, other = stage.incarnation("lost"), stage.worker("other")
    stage.end_lease(lost)

    for one in (rescuer, other, rescuer):
        one.rescue.rescue_once(may_bury=True)

    assert len(told(stage, lost)) == 1


def test_who_dies_between_burying_and_telling_leaves_it_to_the_next(
    stage: Stage, rescuer: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = stage.incarnation("lost")
    stage.end_lease(lost)

    def die(*_: Any) -> None:
        raise LogUnavailable("it died here")

    with monkeypatch.context() as patched:
        patched.setattr(rescue, "tell", die)
        with pytest.raises(LogUnavailable):
            rescuer.rescue.rescue_once(may_bury=True)
    assert told(stage, lost) == []

    stage.worker("heir").rescue.rescue_once(may_bury=False)

    assert [type(one) for one in told(stage, lost)] == [WorkerLost]


def test_nothing_is_told_of_a_worker_that_has_left(stage: Stage) -> None:
    one, ground = stage.worker("one"), stage.connection.ground
    for event in (WorkerLeft(), WorkerLost(), WorkerStopAsked(), WorkerLeft()):
        chronicle.tell(ground.log, ground.clock, one.me.id, event, "tests")

    assert told(stage, one.me.id) == [WorkerLeft()]


def test_what_a_view_shows_a_worker_holding_beyond_its_slots_stops_no_rescue(
    stage: Stage, rescuer: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescue, "HELD_MAX", 1)
    lost = stage.incarnation("lost")
    for _ in range(2):
        stage.claim(stage.enqueue(), lost)
    stage.project()
    stage.end_lease(lost)

    rescuer.rescue.rescue_once(may_bury=True)

    (event,) = told(stage, lost)
    assert isinstance(event, WorkerLost)
    assert len(event.held) == 1


def test_a_request_to_stop_is_told_with_its_reason_before_it_is_obeyed(stage: Stage) -> None:
    one = stage.worker("one")

    stage.queue.stop_workers([one.me.id], grace=5, why="the machine is replaced")

    (recorded,) = life(stage, one.me.id)
    assert recorded.event == WorkerStopAsked(grace=5, why="the machine is replaced")
    assert recorded.actor == "test"


@pytest.mark.parametrize("version", [2.5, "x", {"a": 1}])
def test_what_a_hand_has_put_into_a_workers_stream_keeps_no_job_from_coming_back(
    stage: Stage, rescuer: Hand, version: Any
) -> None:
    lost, other = stage.incarnation("lost"), stage.incarnation("other")
    jobs = [stage.enqueue(), stage.enqueue()]
    for job, worker in zip(jobs, (lost, other), strict=True):
        stage.claim(job, worker)
        stage.end_lease(worker)
    stage.project()
    odd = {"_id": {"stream": stream_of(CATEGORY, lost), "version": version}, "type": "odd"}
    stage.connection.ground.database["events"].insert_one(odd, bypass_document_validation=True)

    rescuer.rescue.rescue_once(may_bury=True)

    assert [stage.job(job).state for job in jobs] == [State.FAILED, State.FAILED]
    stage.queue.stop_workers(why="whatever stands there")


def test_what_is_odd_about_one_lost_worker_keeps_no_others_jobs_from_coming_back(
    stage: Stage, rescuer: Hand, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    workers = [stage.incarnation(name) for name in ("a", "b", "c")]
    jobs = [stage.enqueue() for _ in workers]
    for job, worker in zip(jobs, workers, strict=True):
        stage.claim(job, worker)
        stage.end_lease(worker)
    stage.project()
    tell = chronicle.tell

    def odd(log: Any, clock: Any, worker: str, *rest: Any) -> None:
        if worker == workers[1]:
            raise TypeError("what nobody has thought of")
        tell(log, clock, worker, *rest)

    monkeypatch.setattr(rescue, "tell", odd)
    for _ in range(2):
        rescuer.rescue.rescue_once(may_bury=True)

    assert [stage.job(job).state for job in jobs] == [State.FAILED, State.PROCESSING, State.FAILED]
    assert caplog.text.count("TypeError: what nobody has thought of") == 1


def test_what_is_shown_of_a_worker_while_it_is_silent_is_shown_of_that_time_once_it_is_buried(
    stage: Stage, rescuer: Hand
) -> None:
    ground, lost = stage.connection.ground, stage.incarnation("lost")
    began = WorkerStarted(name="lost", host="host", pid=1, concurrency=1, lease=30.0)
    chronicle.tell(ground.log, ground.clock, lost, began, "tests")
    job = stage.enqueue()
    stage.claim(job, lost)
    stage.project()
    at_work = moment_now(stage)
    assert shown(stage.queue, job, lost) == shown(stage.queue.at(at_work), job, lost) == (True, True, "running")
    silent = [{"$set": {"renewed_at": {"$subtract": ["$$NOW", 30_000]}, "expires_at": "$$NOW"}}]
    ground.database["workers"].update_one({"_id": lost}, silent)
    moment = moment_now(stage)
    live, why = shown(stage.queue, job, lost), stage.queue.explain(stage.queue.history(job)).text

    rescuer.rescue.rescue_once(may_bury=True)
    then = stage.queue.at(moment)

    assert live == shown(then, job, lost) == (False, False, "silent")
    assert "is silent since" in why
    assert why.partition(": the first")[0] == then.explain(then.history(job)).text.partition(": the first")[0]
    assert " by then, by worker" in then.explain(then.history(job)).text
    assert " now, by worker" in why


def shown(one: Queue | Then, job: str, worker: str) -> tuple[bool, bool, str]:
    """Return whether a worker is listed, and is in the status, and what is said first of its job."""
    listed, status = ({each.id for each in found} for found in (one.workers(), one.status().workers))
    return worker in listed, worker in status, str(one.explain(one.history(job)).clauses[0].kind)


def moment_now(stage: Stage) -> datetime:
    return Chances(stage.queue, 0).moment()
