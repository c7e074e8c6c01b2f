"""A replica set of three that changes its primary under load: the views go on by themselves, exact in the end."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from eventqueue.api.queue import Queue
from eventqueue.connect import open_client
from eventqueue.mongo.ground import Ground, stand_on
from projections.keeping.provenance import is_in_log
from projections.reading import verify
from projections.registry import PROJECTIONS
from tests.builders import append, enqueued
from tests.faults.replica_set import Member, ReplicaSet, replica_set
from tests.patience import PATIENCE_S
from tests.projections.crowd import Crowd
from tests.projections.exact import assert_exact
from tests.projections.processes import projector_process
from tests.projections.stage import await_that, build, checkpoint_of, finish, is_fresh, live_of, put

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def three() -> Iterator[ReplicaSet]:
    with replica_set() as three:
        yield three


@pytest.fixture
def ground(three: ReplicaSet) -> Iterator[Ground]:
    """A database on the set, with views of an empty log."""
    with open_client(three.uri) as client:
        ground = stand_on(client[f"test_{uuid4().hex[:16]}"])
        build(ground)
        yield ground


def await_more(ground: Ground) -> None:
    """Wait until the views have moved on by some hundred events."""
    applied = checkpoint_of(ground).applied
    await_that(lambda: checkpoint_of(ground).applied > applied + 500)


def test_a_projector_outlasts_primaries_that_step_down_and_one_that_is_killed(
    three: ReplicaSet, ground: Ground
) -> None:
    with projector_process(three.uri, ground.database.name) as projector:
        with Crowd(ground).acting(size=60):
            for _ in range(4):
                await_more(ground)
                three.step_down()
            await_more(ground)
            killed = three.kill_primary()
            await_more(ground)
            killed.start()
            three.await_whole()
            three.step_down()
            await_more(ground)
        await_that(lambda: is_fresh(ground))
        assert not projector.has_ended

    assert live_of(ground).number == 1  # nothing was built anew
    assert_exact(ground)


def test_a_new_primary_that_does_not_show_yet_what_a_majority_has_is_no_backup_that_was_restored(
    three: ReplicaSet, ground: Ground
) -> None:
    admin = ground.database.client.admin
    ends = {"configureFailPoint": "disableSnapshotting", "mode": "off"}
    asked = {"command.find": "events", "command.readConcern.level": "linearizable"}
    try:
        three.tell_secondaries({**ends, "mode": "alwaysOn"})  # what is committed is no longer shown by these
        put(ground, "job-one", enqueued())
        finish(ground)
        held = checkpoint_of(ground)
        three.step_down()
        assert ground.log.read_raw("job-one") == []
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(is_in_log, held, ground.log)
            await_that(lambda: answer.done() or admin.command({"currentOp": 1, **asked})["inprog"])
            three.tell_all(ends)
            put(ground, "job-two", enqueued())  # with what is committed next, all before it is shown again
    finally:
        three.tell_all(ends)

    assert answer.result()


def test_a_scan_reads_on_through_elections_all_there_is_and_nothing_twice(ground: Ground, three: ReplicaSet) -> None:
    names = [f"job-{number:04}" for number in range(3500)]
    for first in range(0, len(names), 500):
        ground.log.append([append(name, enqueued()) for name in names[first : first + 500]])

    scan = ground.log.scan("job")
    read = []
    for number, event in enumerate(scan):
        read.append(event.stream)
        if number in {500, 1700}:
            three.step_down()
        if number == 2500:
            three.kill_primary().start()

    assert read == names
    three.await_whole()


def test_who_waits_for_a_job_or_for_the_views_waits_through_elections(three: ReplicaSet, ground: Ground) -> None:
    name = ground.database.name
    with (
        projector_process(three.uri, name),
        Queue(three.uri, name, actor="near") as near,
        Queue(three.uri, name, actor="far") as far,
        ThreadPoolExecutor() as pool,
    ):
        job = near.enqueue(command="true", id="one").id
        moved = threading.Event()

        def follow() -> None:
            next(has_moved for has_moved in far.follow() if has_moved and moved.is_set())

        waiting, following = pool.submit(far.wait, [job], PATIENCE_S), pool.submit(follow)
        three.step_down()
        killed = three.kill_primary()
        killed.start()
        three.await_whole()
        assert not waiting.done()
        moved.set()
        receipt = near.cancel(job)

        assert [one.id for one in waiting.result(PATIENCE_S)] == [job]
        assert pool.submit(far.wait_for, receipt, PATIENCE_S).result()
        following.result(PATIENCE_S)


def test_a_verification_outlasts_a_primary_that_is_killed(
    ground: Ground, three: ReplicaSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "CHUNK", 100)
    for first in range(0, 2000, 500):
        ground.log.append([append(f"job-{number:04}", enqueued()) for number in range(first, first + 500)])
    build(ground)
    killed: list[Member] = []

    def kill(_: int) -> None:
        if not killed:
            killed.append(three.kill_primary())

    assert list(verify.verify(ground, PROJECTIONS, kill)) == []

    assert len(killed) == 1
    killed[0].start()
    three.await_whole()
