"""The jobs of schedules are made by who brings a projector along; where there are several, each tick's once."""

import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.model.job import State
from eventqueue.schedules.ticks import tick_of
from tests.cli.commands import Queuectl
from tests.cli.conftest import environ
from tests.patience import PATIENCE_S
from tests.ticking.conftest import jobs
from tests.worker.crew import Start
from tests.worker.stage import Stage, wait_until

SECOND = timedelta(seconds=1)


@pytest.fixture
def stage(server_uri: str, database: Database[dict[str, Any]], tmp_path: Path) -> Iterator[Stage]:
    """A database of the test's own: schedules are not wiped away from another one."""
    stage = Stage(server_uri, database.name, tmp_path)
    yield stage
    stage.close()


def ticks(stage: Stage) -> list[datetime]:
    """Return the ticks that became jobs, in order."""
    found = [tick_of(job, "schedule-often") for job in jobs(stage.queue)]
    return sorted(one[1] for one in found if one is not None and one[1] is not None)


def test_where_one_of_two_supervisors_is_killed_at_a_tick_each_tick_is_made_once_all_the_same(
    stage: Stage, start: Start
) -> None:
    crews = [start(count=1), start(count=0)]
    crews[0].await_said("started")
    stage.queue.schedule("often", {"command": "true"}, every=SECOND)
    wait_until(lambda: ticks(stage))

    (tick,) = stage.queue.next_ticks("often", 1)
    wait_until(lambda: stage.connection.ground.clock.now() >= tick, pause_s=0.001)
    crews[1].tell(signal.SIGKILL)
    wait_until(lambda: len([at for at in ticks(stage) if at > tick]) >= 2)

    made = ticks(stage)
    assert made == [made[0] + number * SECOND for number in range(len(made))]
    made_jobs = jobs(stage.queue)
    stage.ended(*made_jobs)
    assert {stage.job(job).state for job in made_jobs} == {State.COMPLETED}


def test_a_projector_alone_ticks_too_and_makes_up_for_what_was_missed(server_uri: str, stage: Stage) -> None:
    stage.queue.schedule("often", {"command": "true"}, every=SECOND, missed="all")
    (first, second) = stage.queue.next_ticks("often", 2)
    wait_until(lambda: stage.connection.ground.clock.now() >= second)  # with nobody there

    process = Queuectl(environ(server_uri, stage.db)).start("projector", "start")
    try:
        wait_until(lambda: len(ticks(stage)) >= 3)
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0
    made = ticks(stage)
    assert made == [first + number * SECOND for number in range(len(made))]


def test_who_brings_no_projector_along_makes_none(stage: Stage, start: Start) -> None:
    stage.queue.schedule("often", {"command": "true"}, every=SECOND)
    crew = start(with_projector=False)
    crew.await_said("started")
    (tick,) = stage.queue.next_ticks("often", 1)
    wait_until(lambda: stage.connection.ground.clock.now() > tick + SECOND / 2)

    assert ticks(stage) == []
