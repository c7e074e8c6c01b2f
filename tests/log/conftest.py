"""The log in each of its kinds."""

import pytest

from eventqueue.log.memory import MemoryLog
from eventqueue.mongo.log import MongoLog
from eventqueue.ports.log import EventLog
from eventqueue.testing.clock import TestClock
from eventqueue.testing.log import TakenLog


@pytest.fixture(params=["memory", "taken", "mongo"])
def log(request: pytest.FixtureRequest) -> EventLog:
    """Each kind of log in turn: the contract is the same."""
    if request.param == "memory":
        return MemoryLog()
    if request.param == "taken":
        return TakenLog(TestClock())
    mongo: MongoLog = request.getfixturevalue("mongo_log")
    return mongo
