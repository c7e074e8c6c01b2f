"""Servers that can be made to fail or that check who is asking, and a wire that can be cut."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.uri_parser import parse_uri

from tests.mongo.servers import running
from tests.mongo.wire import Wire, wire_to

Store = Database[dict[str, Any]]


def path_in(uri: str) -> str:
    """Return the path at which the server of `uri` listens."""
    ((path, _),) = parse_uri(uri)["nodelist"]
    return str(path)


@pytest.fixture(scope="session")
def faulty_uri() -> Iterator[str]:
    """A server that takes orders to fail (fail points)."""
    with running("--setParameter", "enableTestCommands=1") as uri:
        yield uri


@pytest.fixture(scope="session")
def guarded_uri() -> Iterator[str]:
    """A server that checks access; the URI is root's."""
    with running(guarded=True) as uri:
        yield uri


@pytest.fixture(scope="session")
def guarded(guarded_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """Root's client of the server that checks access."""
    with MongoClient[dict[str, Any]](guarded_uri, timeoutMS=30_000) as client:
        yield client


@pytest.fixture(scope="module")
def quick_recovery() -> Iterator[None]:
    """Have clients that poll look for a server that they lost at once: not after half a second, at each error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pymongo.common.MIN_HEARTBEAT_INTERVAL", 0.02)
        yield


@pytest.fixture
def wire(server_uri: str, quick_recovery: None) -> Iterator[Wire]:
    """A wire to the server, which the test may cut."""
    with wire_to(path_in(server_uri)) as wire:
        yield wire
