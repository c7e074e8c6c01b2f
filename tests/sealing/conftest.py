"""A log of some jobs, its sealer, and the file-like list of its seals that is kept elsewhere."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.mongo.ground import Ground, stand_on
from eventqueue.sealing.sealer import Sealer


@pytest.fixture
def ground(database: Database[dict[str, Any]]) -> Ground:
    return stand_on(database)


@pytest.fixture
def sealer(ground: Ground) -> Sealer:
    return Sealer(ground, "test")


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name) as queue:
        yield queue
