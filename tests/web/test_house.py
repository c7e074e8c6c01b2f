"""What all requests share."""

import httpx
import pytest

from eventqueue.api.queue import Queue
from eventqueue.web import house
from eventqueue.web.entry.roles import Role, Visitor
from tests.web.sites import Site


def test_who_asks_again_acts_by_the_same_queue(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(command="true")
    operator.get("/queues").raise_for_status()

    def made(*_: object) -> None:
        raise AssertionError("a queue was made anew for somebody who has one")

    monkeypatch.setattr(house, "ActingQueue", made)

    assert operator.get("/queues").status_code == 200


def test_queues_are_kept_of_so_many_users_and_made_anew_for_others(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "USERS_MAX", 2)

    for user in ("ann", "ben", "cid", "ann"):
        assert site.house._of(Visitor(Role.OPERATOR, user)).connection.actor == f"web/{user}"
        assert len(site.house._acting) <= 2
