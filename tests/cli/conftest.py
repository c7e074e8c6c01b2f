"""queuectl on a database of the test's own, or on one that a module's tests share."""

import os
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from eventqueue.api.queue import Queue
from tests.cli.commands import Queuectl


def environ(uri: str, db: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return {**kept, "QUEUECTL_URI": uri, "QUEUECTL_DB": db}


@pytest.fixture
def queuectl(server_uri: str, database: Database[dict[str, Any]]) -> Queuectl:
    """queuectl on an empty database of the test's own."""
    return Queuectl(environ(server_uri, database.name))


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    """The same database, by the API: for what has to have happened before."""
    with Queue(server_uri, database.name) as queue:
        yield queue


@pytest.fixture(scope="module")
def shared(server_uri: str, client: MongoClient[dict[str, Any]]) -> Iterator[Queuectl]:
    """queuectl on a database that the tests of a module share; none of them may change it."""
    name = f"test_{uuid4().hex[:16]}"
    yield Queuectl(environ(server_uri, name))
    client.drop_database(name)
