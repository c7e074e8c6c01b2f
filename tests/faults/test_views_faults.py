"""Views that are built anew, restored and deployed while everything goes on: exact in the end, and never in doubt."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bson
import pytest
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.audit.rules import check, stored
from eventqueue.model.events import Enqueued
from eventqueue.model.job import State
from eventqueue.mongo.ground import Ground, stand_on
from eventqueue.mongo.leases import PROJECTING, Lease
from projections.reading.health import parked
from projections.reading.operator import ViewOperator
from projections.registry import PROJECTIONS
from tests.builders import CANCELLED, append, enqueued
from tests.patience import PATIENCE_S
from tests.projections.crowd import Crowd
from tests.projections.exact import assert_exact, documents
from tests.projections.keeping.test_poison import SPOILT, put_spoilt
from tests.projections.processes import ROOT, projector_process
from tests.projections.stage import await_that, build, checkpoint_of, document, finish, is_fresh, live_of
from tests.worker.crew import Start, crews

pytestmark = pytest.mark.faults

NEWER = """
import signal, sys, threading
from eventqueue.model import events
from eventqueue.connect import connect, make_projector

events.EVENT_TYPES["annulled"] = events.Cancelled
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
make_projector(connect(sys.argv[1], sys.argv[2], "test")).run(stop)
"""


@pytest.fixture
def built(database: Database[dict[str, Any]]) -> Ground:
    """The test's database, with views that were built while the log was empty."""
    ground = stand_on(database)
    build(ground)
    return ground


def test_views_built_under_writes_and_claims_equal_those_that_lived_through_them(
    built: Ground, server_uri: str
) -> None:
    crowd = Crowd(built)
    operator = ViewOperator(built, PROJECTIONS, "tests")

    with projector_process(server_uri, built.database.name):
        with crowd.acting():
            for _ in range(3):
                before = live_of(built).number
                assert operator.rebuild(None, lambda _: None) > before
                assert list(operator.verify(None, None, lambda _: None)) == []
        await_that(lambda: is_fresh(built))
        assert_exact(built)
        live = documents(live_of(built))

    # And with what a rebuild makes of the same log when nobody disturbs it.
    assert documents(build(built)) == {**live, "due": documents(live_of(built))["due"]}
    assert_exact(built)


def test_a_new_event_type_stops_no_projector_and_the_newer_one_lets_its_job_go_on(
    built: Ground, server_uri: str
) -> None:
    crowd = Crowd(built)
    place = [server_uri, built.database.name]
    with projector_process(*place) as old:
        crowd.act(3)
        first = append("job-odd", enqueued(), now=built.clock.now())
        built.log.append([first])
        (sealed,) = append("job-odd", CANCELLED, head=first.head, now=built.clock.now()).events
        built.database["events"].insert_one({**bson.decode(sealed.raw), "type": "annulled"})
        # Before the newer one is there: on a busy machine it may get the place sooner than anybody looks.
        await_that(lambda: [one.job for one in parked(live_of(built))] == ["odd"])
        with subprocess.Popen([sys.executable, "-c", NEWER, *place], cwd=ROOT) as newer:
            try:
                crowd.act(3)
                await_that(lambda: is_fresh(built))
                assert old.stop() == 0
                await_that(lambda: not parked(live_of(built)))
            finally:
                newer.terminate()

    assert document(built, "odd")["state"] == "cancelled"
    assert checkpoint_of(built).applied == built.database["events"].count_documents({})
    assert Lease(built.database, PROJECTING, "nobody").told().left is None  # who left last, left in order


def test_readers_who_look_again_and_again_do_not_rob_a_projector(built: Ground, server_uri: str) -> None:
    crowd, ended = Crowd(built), threading.Event()
    lags: list[float | None] = []

    def look() -> None:
        with Queue(server_uri, built.database.name) as queue:
            while not ended.wait(0.1):
                lags.append(queue.status().lag.seconds)

    with projector_process(server_uri, built.database.name):
        await_that(lambda: checkpoint_of(built).fence)
        readers = [threading.Thread(target=look) for _ in range(3)]
        for reader in readers:
            reader.start()
        with crowd.acting(size=200):
            await_that(lambda: len(lags) >= 20)
        ended.set()
        for reader in readers:
            reader.join()
        await_that(lambda: is_fresh(built))
        assert checkpoint_of(built).fence == 1  # nobody but the projector ever had the place

    assert None not in lags
    assert_exact(built)


@pytest.fixture
def start(built: Ground, server_uri: str, tmp_path: Path) -> Iterator[Start]:
    with crews(server_uri, built.database.name, tmp_path) as start:
        yield start


def test_a_backup_that_is_restored_under_running_workers_is_noticed_and_what_it_lacks_runs_again(
    built: Ground, server_uri: str, start: Start
) -> None:
    events = built.database["events"]
    with Queue(server_uri, built.database.name) as queue:
        first = [queue.enqueue(command="true").id for _ in range(5)]
        second = [queue.enqueue(command="true").id for _ in range(5)]
        backup = list(events.find().sort("ts", 1))  # made before anything has run
        crew = start(count=2)
        queue.wait([*first, *second], timeout=PATIENCE_S)
        before = live_of(built).number

        events.drop()
        events.insert_many(backup)  # which makes it anew, unless somebody was first

        await_that(lambda: live_of(built).number > before)
        again = queue.wait([*first, *second], timeout=PATIENCE_S)
        assert {job.state for job in again} == {State.COMPLETED}
        assert crew.process.poll() is None

    for job_id in [*first, *second]:
        assert list(check(f"job-{job_id}", map(stored, built.log.read_raw(f"job-{job_id}")))) == []
        assert [type(one.event) for one in built.log.read(f"job-{job_id}")].count(Enqueued) == 1
    await_that(lambda: is_fresh(built))
    assert_exact(built)


def test_a_parked_job_is_let_go_while_the_others_flow(built: Ground, server_uri: str) -> None:
    put_spoilt(built, "job-spoilt", SPOILT["data that does not fit"])
    crowd = Crowd(built)
    operator = ViewOperator(built, PROJECTIONS, "tests")
    with projector_process(server_uri, built.database.name), crowd.acting(size=40):
        await_that(lambda: any(one.parked for one in operator.projections()))
        for _ in range(5):
            parked = operator.retry("jobs", "spoilt")
            assert parked is not None
    (event,) = append("job-spoilt", enqueued()).events
    built.database["events"].replace_one({"_id": {"stream": "job-spoilt", "version": 1}}, RawBSONDocument(event.raw))
    finish(built)

    assert operator.retry("jobs", "spoilt") is None
    assert_exact(built)
