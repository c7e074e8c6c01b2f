"""Workers on a replica set of three that changes its primary under load: each job runs once, and no worker is lost."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.faults.account import COMPLETED, Attempt, assert_agreed, enqueueing
from tests.faults.replica_set import ReplicaSet, replica_set
from tests.worker.crew import Crew, Start, crews
from tests.worker.stage import Stage, wait_until

pytestmark = pytest.mark.faults


@pytest.fixture
def three() -> Iterator[ReplicaSet]:
    with replica_set() as three:
        yield three


@pytest.fixture
def stage(three: ReplicaSet, tmp_path: Path) -> Iterator[Stage]:
    """A stage on the set."""
    stage = Stage(three.uri, f"test_{uuid4().hex[:16]}", tmp_path)
    yield stage
    stage.close()


@pytest.fixture
def start(stage: Stage) -> Iterator[Start]:
    with crews(stage.uri, stage.db, stage.folder) as start:
        yield start


def await_more(crew: Crew) -> None:
    """Wait until some more jobs have completed."""
    done = crew.count(COMPLETED)
    wait_until(lambda: crew.count(COMPLETED) >= done + 40)


def test_workers_outlast_primaries_that_step_down_and_one_that_is_killed(
    three: ReplicaSet, stage: Stage, start: Start
) -> None:
    crew = start(count=2, concurrency=8)
    with enqueueing(stage) as jobs:
        for _ in range(3):
            await_more(crew)
            three.step_down()
        await_more(crew)
        killed = three.kill_primary()
        await_more(crew)
        killed.start()
        three.await_whole()
        three.step_down()
        await_more(crew)
    stage.ended(*jobs)

    found = assert_agreed(stage, jobs)
    assert set(found.ends) == {Attempt(job, 1, 2) for job in jobs}
    assert len(crew.said("started")) == 2
