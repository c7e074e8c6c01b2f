"""A queue in memory, in use, and an application that has done nothing yet."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from eventqueue import using
from eventqueue.testing import TestQueue
from tests.testing import app

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nothing_is_done() -> None:
    app.outbox.clear()
    app.attempts.clear()


@pytest.fixture
def queue() -> Iterator[TestQueue]:
    with using(TestQueue(now=START)) as queue:
        yield queue
