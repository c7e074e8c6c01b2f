"""The ground that the tests of the read side stand on."""

from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.ground import Ground, stand_on
from tests.projections.crowd import Crowd
from tests.projections.stage import build


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
