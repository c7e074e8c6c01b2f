"""Fixtures of the workers' tests: a stage for each test, empty, and supervisors on it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from tests.worker.crew import Start, crews
from tests.worker.stage import Stage, wipe


@pytest.fixture
def quick_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of this process look again sooner than others do."""
    monkeypatch.setattr("eventqueue.worker.claims.prospects.POLL_S", 0.05)


@pytest.fixture(scope="module")
def shared_database(client: MongoClient[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    """A database for the tests of one module: to prepare one takes longer than most of them."""
    database = client[f"test_{uuid4().hex[:16]}"]
    yield database
    client.drop_database(database)


@pytest.fixture
def stage(
    server_uri: str, shared_database: Database[dict[str, Any]], tmp_path: Path, quick_polls: None
) -> Iterator[Stage]:
    """An empty database with its views, and nobody at work in it."""
    stage = Stage(server_uri, shared_database.name, tmp_path)
    yield stage
    stage.close()
    wipe(shared_database)


@pytest.fixture
def start(stage: Stage) -> Iterator[Start]:
    """What starts supervisors in processes of their own, on the stage's database."""
    with crews(stage.uri, stage.db, stage.folder) as start:
        yield start
