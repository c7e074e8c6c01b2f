"""Fixtures of the tests of Python tasks: a runner with one process and one thread, shared by the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.worker.python.stage import Stage, stage


@pytest.fixture(scope="module")
def _shared() -> Iterator[Stage]:
    with stage() as made:
        yield made


@pytest.fixture
def one(_shared: Stage) -> Iterator[Stage]:
    """One child at a time, with one thread; what a test leaves running is ended, lest those behind it wait for it."""
    yield _shared
    _shared.settle()
