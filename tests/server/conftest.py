"""Homes for the tests of the local server; every server that runs in one is stopped when its test ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventqueue.server import LocalServer
from tests.server.servers import clear_away, started


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home that does not exist yet."""
    path = tmp_path / "home"
    yield path
    clear_away(path)


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home for the tests of one module that leave its server as it was."""
    path = tmp_path_factory.mktemp("shared") / "home"
    yield path
    clear_away(path)


@pytest.fixture(scope="module")
def server(shared_home: Path) -> LocalServer:
    """A server that runs in the shared home."""
    return started(shared_home)
