"""Collections of the views that somebody drops, one after another, under workers and a projector: every job ends."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.model.job import State
from projections.keeping import generation
from projections.keeping.generation import INDEXES
from tests.patience import PATIENCE_S
from tests.worker.crew import Start
from tests.worker.stage import Stage, wait_until

OF_A_GENERATION = [*INDEXES, "stats"]


@pytest.fixture
def stage(server_uri: str, database: Database[dict[str, Any]], tmp_path: Path) -> Iterator[Stage]:
    """A database of the test's own: what is dropped here must be missed by nobody else."""
    stage = Stage(server_uri, database.name, tmp_path)
    yield stage
    stage.close()


def drop(database: Database[dict[str, Any]], name: str) -> None:
    live = generation.current(database)
    assert live is not None
    database.drop_collection(live.name_of(name) if name in OF_A_GENERATION else name)


def have_failed(stage: Stage, job: str) -> None:
    wait_until(lambda: "failed" in stage.types(job))


def test_jobs_that_wait_for_their_retries_come_back_whatever_is_dropped(
    stage: Stage, start: Start, database: Database[dict[str, Any]]
) -> None:
    start(count=2, concurrency=4)
    once = "test $QUEUECTL_ATTEMPT -gt 1"
    for name in [*OF_A_GENERATION, "views", "checkpoints"]:
        fields = {"command": once, "max_retries": 3, "backoff": {"base": 2, "jitter": 0}}
        jobs = [stage.queue.enqueue(fields).id for _ in range(5)]
        for job in jobs:
            have_failed(stage, job)

        drop(database, name)

        assert {job.state for job in stage.queue.wait(jobs, PATIENCE_S)} == {State.COMPLETED}, name
        stage.project()
        assert list(stage.queue.verify_views()) == [], name
