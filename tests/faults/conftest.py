"""Fixtures of the suites of workers' faults: a stage on a database of the test's own, and supervisors on it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from tests.worker.crew import Start, crews
from tests.worker.stage import Stage


@pytest.fixture
def stage(server_uri: str, database: Database[dict[str, Any]], tmp_path: Path) -> Iterator[Stage]:
    """A database of the test's own: a projector that was killed may have left a transaction open in it."""
    stage = Stage(server_uri, database.name, tmp_path)
    yield stage
    stage.close()


@pytest.fixture
def start(stage: Stage) -> Iterator[Start]:
    """What starts supervisors in processes of their own, on the stage's database."""
    with crews(stage.uri, stage.db, stage.folder) as start:
        yield start
