"""Fixtures for pytest, which finds them by itself where eventqueue is installed: `queue` and `mongo_queue`.

Next to nothing but pytest is imported before a test asks for one. A test that has none cannot enqueue a task.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.testing.queue import TestQueue


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    """Have no test enqueue where real workers are: it has a queue of its own, or names the real one."""
    from eventqueue.api.place import none_by_itself

    with none_by_itself():
        yield


@pytest.fixture
def queue() -> "Iterator[TestQueue]":
    """A queue in memory, to which all tasks are enqueued while the test runs: `queue.run()` runs them."""
    from eventqueue.testing.queue import TestQueue

    queue = TestQueue()
    with _in_use(queue):
        yield queue


@pytest.fixture
def mongo_queue(_queuectl_server: str) -> "Iterator[Queue]":
    """A Queue on a database of the test's own, which is dropped after it; all tasks are enqueued to it meanwhile.

    Of the server that QUEUECTL_TEST_URI names, else of a local one that is started for the session. Where there is
    neither the test is skipped, and says what to do.
    """
    from uuid import uuid4

    from eventqueue.api.queue import Queue

    with Queue(_queuectl_server, f"test_{uuid4().hex[:16]}", actor="tests") as queue:
        try:
            with _in_use(queue):
                yield queue
        finally:
            queue.connection.client.drop_database(queue.connection.ground.database.name)


@pytest.fixture(scope="session")
def _queuectl_server() -> Iterator[str]:
    import os

    from eventqueue.testing import servers

    if (problem := servers.where(os.environ)) is not None:
        pytest.skip(problem)
    with servers.serving(os.environ) as uri:
        yield uri


@contextmanager
def _in_use(queue: "Queue") -> Iterator[None]:
    """Have tasks enqueued to a queue, in whatever thread: an application that is tested has some of its own."""
    from eventqueue.api.current import use_queue, using

    before = use_queue(queue)
    try:
        with using(queue):
            yield
    finally:
        use_queue(before)
