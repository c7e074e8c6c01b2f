"""The order in which jobs run: by priority, by the moment they are due, and then as their call named them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.enqueueing import BATCH, Receipt
from eventqueue.model.codec import BUCKETS
from eventqueue.ports.finder import Share
from eventqueue.worker.claims.fetch import Fetch
from tests.patience import PATIENCE_S
from tests.worker.crew import Start
from tests.worker.stage import Stage

ALL = [Share("default", range(BUCKETS))]


@pytest.fixture
def stage(server_uri: str, database: Database[dict[str, Any]], tmp_path: Path) -> Iterator[Stage]:
    """A database of the test's own: a projector that was killed may have left a transaction open in it."""
    stage = Stage(server_uri, database.name, tmp_path)
    yield stage
    stage.close()


def backwards(count: int) -> list[str]:
    """So many ids, of which a later one never stands behind an earlier one in their own order."""
    return [f"s{number:04}" for number in reversed(range(count))]


@pytest.mark.parametrize("named_by", ["id", "key", ""])
def test_jobs_of_one_call_are_claimed_in_its_order_whatever_names_them(stage: Stage, named_by: str) -> None:
    naming = [{named_by: name} if named_by else {} for name in backwards(BATCH + 200)]  # more than one append takes
    added = stage.queue.enqueue_many([{"command": "true", **one} for one in naming])
    asked = [one.id for one in added if isinstance(one, Receipt)]
    assert len(asked) == len(naming)
    stage.project()

    fetch = Fetch(stage.connection.finder, stage.log)

    assert [job.id for _ in range(100) for job in fetch.take(7, ALL)] == asked


def test_jobs_of_one_call_that_wait_for_the_same_moment_are_claimed_in_its_order(stage: Stage) -> None:
    names = backwards(200)
    then = "2020-01-01T00:00:00Z"
    stage.queue.enqueue_many([{"command": "true", "id": name, "run_at": then} for name in names])
    stage.project()

    assert [job.id for job in Fetch(stage.connection.finder, stage.log).take(200, ALL)] == names


def test_who_is_told_of_jobs_by_name_claims_them_in_the_order_of_their_call(stage: Stage) -> None:
    names = backwards(20)
    stage.queue.enqueue_many([{"command": "true", "id": name} for name in names])

    now = stage.connection.ground.clock.now()
    taken = Fetch(stage.connection.finder, stage.log).take_told(set(names), ["default"], 20, now)

    assert [job.id for job in taken] == names


def test_a_worker_that_waits_for_work_runs_what_comes_in_one_call_in_its_order(stage: Stage, start: Start) -> None:
    ran = stage.folder / "ran"
    crew = start(count=1)
    stage.queue.wait([stage.enqueue()], PATIENCE_S)  # it waits now

    names = backwards(150)
    stage.queue.enqueue_many([{"command": f"echo {name} >> {ran}", "id": name} for name in names])
    stage.queue.wait(names, PATIENCE_S)

    assert ran.read_text().split() == names
    crew.tell()
    assert crew.ends() == 0
