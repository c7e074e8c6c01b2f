"""The queue whose log is taken elsewhere."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from tests.transfer.logs import fill


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name) as queue:
        yield queue


@pytest.fixture
def filled(queue: Queue) -> Queue:
    """A queue whose log has events of several categories."""
    fill(queue)
    return queue
