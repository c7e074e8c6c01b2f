"""The ground that the tests of the read side stand on."""

from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.mongo.ground import Ground, stand_on
from projections.keeping import turn
from tests.projections.crowd import Crowd
from tests.projections.stage import build


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a projector that is stopped while it has nothing to do notice so sooner."""
    monkeypatch.setattr(turn, "IDLE", timedelta(milliseconds=50))


@pytest.fixture
def ground(database: Database[dict[str, Any]]) -> Ground:
    """The test's database, prepared as the product does it: an empty log."""
    return stand_on(database)


@pytest.fixture
def built(ground: Ground) -> Ground:
    """The same, with views that were built while the log was empty."""
    build(ground)
    return ground


@pytest.fixture
def crowd(built: Ground) -> Crowd:
    """People and workers on a log whose views are built."""
    return Crowd(built)
