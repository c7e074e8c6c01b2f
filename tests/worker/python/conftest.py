"""Fixtures of the tests of Python tasks: a runner with one process and one thread, shared by the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.worker.python.stage import Stage, stage


@pytest.fixture(scope="module")
def one() -> Iterator[Stage]:
    """One child at a time, with one thread."""
    with stage() as made:
        yield made
