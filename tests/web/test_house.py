"""What all requests share."""

import httpx
import pytest

from eventqueue.api.queue import Queue
from eventqueue.web import house


def test_who_asks_again_acts_by_the_same_queue(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(command="true")
    operator.get("/queues").raise_for_status()

    def made(*_: object) -> None:
        raise AssertionError("a queue was made anew for somebody who has one")

    monkeypatch.setattr(house, "ActingQueue", made)

    assert operator.get("/queues").status_code == 200
