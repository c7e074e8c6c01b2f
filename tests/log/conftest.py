"""The log in both of its kinds."""

import pytest

from eventqueue.log.memory import MemoryLog
from eventqueue.mongo.log import MongoLog
from eventqueue.ports.log import EventLog


@pytest.fixture(params=["memory", "mongo"])
def log(request: pytest.FixtureRequest) -> EventLog:
    """Each kind of log in turn: the contract is the same."""
    if request.param == "memory":
        return MemoryLog()
    mongo: MongoLog = request.getfixturevalue("mongo_log")
    return mongo
