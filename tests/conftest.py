"""Fixtures that all suites share: a MongoDB server for the run, a database for each test."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import settings
from pymongo import MongoClient
from pymongo.database import Database

from eventqueue.mongo.layout import prepare
from eventqueue.mongo.log import MongoLog
from tests.mongo.servers import running

# Derandomised: a red run is red again for whoever looks into it. No deadline: these machines are shared.
settings.register_profile("eventqueue", deadline=None, derandomize=True, database=None, max_examples=100)
settings.load_profile("eventqueue")


HANDLED = signal.valid_signals() - {signal.SIGALRM}  # that one is of the tests' own time-outs

NewDatabase = Callable[[], Database[dict[str, Any]]]

# The usual one: under a stricter umask what is written for others too would not show.
os.umask(0o022)


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Refuse a test that would not be run, or not always.

    One that is named after a set: sets are written in another order by each process, and those that run tests beside
    each other then find different ones. And one of a suite of its own that lies where that suite is not looked for.
    """
    for item in items:
        for suite in ("faults", "web"):
            if item.get_closest_marker(suite) and not item.nodeid.startswith(f"tests/{suite}/"):
                raise pytest.UsageError(f"{item.nodeid}: is marked as of {suite}; have it in tests/{suite}")
        of_it = item.callspec.params.values() if hasattr(item, "callspec") else ()
        if any(type(value) in (set, frozenset) and repr(value) in item.nodeid for value in of_it):
            raise pytest.UsageError(f"{item.nodeid}: is named after a set, which has no order; give a tuple")


def _held_in_common() -> dict[str, Any]:
    """What all tests of a process have of it."""
    return {
        "where modules are looked for": list(sys.path),
        "current directory": os.getcwd(),
        "environment": {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
        **{f"handler of signal {number}": signal.getsignal(number) for number in HANDLED},
        "handlers of logs": list(logging.getLogger().handlers),
        "time zone": time.tzname,
        "hooks": (sys.excepthook, threading.excepthook, sys.unraisablehook),
    }


@pytest.fixture(autouse=True)
def as_it_was_found() -> Iterator[None]:
    """Refuse a test that leaves something to those behind it: which they are, differs from run to run."""
    before, modules = _held_in_common(), dict(sys.modules)
    yield
    after = _held_in_common()
    assert {what: (was, after[what]) for what, was in before.items() if was != after[what]} == {}
    assert [name for name, module in modules.items() if sys.modules.get(name) is not module] == []
    new = {name: getattr(sys.modules[name], "__file__", None) or "" for name in sys.modules.keys() - modules.keys()}
    assert {name: file for name, file in new.items() if "/pytest-of-" in file} == {}


@pytest.fixture(scope="session")
def server_uri() -> Iterator[str]:
    """The URI of a local server of this run's own."""
    with running() as uri:
        yield uri


@pytest.fixture(scope="session")
def client(server_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client of that server, shared by all tests."""
    with MongoClient[dict[str, Any]](server_uri, timeoutMS=30_000) as client:
        yield client


@pytest.fixture
def database(client: MongoClient[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    """A database of the test's own, empty, and dropped after it."""
    database = client[f"test_{uuid4().hex[:16]}"]
    yield database
    client.drop_database(database)


@pytest.fixture
def new_database(client: MongoClient[dict[str, Any]]) -> Iterator[NewDatabase]:
    """Makes empty databases, which are dropped after the test."""
    made: list[Database[dict[str, Any]]] = []

    def make() -> Database[dict[str, Any]]:
        made.append(client[f"test_{uuid4().hex[:16]}"])
        return made[-1]

    yield make
    for one in made:
        client.drop_database(one)


@pytest.fixture
def prepared(database: Database[dict[str, Any]]) -> Database[dict[str, Any]]:
    """The test's database with its collections and the validator, as the product creates them."""
    prepare(database)
    return database


@pytest.fixture
def mongo_log(prepared: Database[dict[str, Any]]) -> MongoLog:
    return MongoLog(prepared)
