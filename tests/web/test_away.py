"""Where the database is away nobody waits for each call to find that out, and a page comes back by itself."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from eventqueue.api.queue import Queue
from eventqueue.errors import Unavailable
from eventqueue.web import live
from tests.patience import PATIENCE_S
from tests.web.sites import Site


@contextmanager
def away(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def is_away() -> None:
        raise Unavailable("No member answers.")

    monkeypatch.setattr(live, "AGAIN_S", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(live, "EVERY_S", 0.0)
        patched.setattr(site.house.queue.connection.views, "applied", is_away)
        yield


def test_a_page_says_so_at_once_and_asks_again(
    site: Site, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with away(site, monkeypatch):
        answer = operator.get("/queues?q=1")

    assert answer.status_code == 503
    assert "No member answers." in answer.text
    assert (answer.headers["refresh"], 'href="/queues?q=1"' in answer.text) == ("5", True)
    assert operator.get("/").status_code == 200
    assert caplog.records == []


def test_an_act_says_at_once_that_nothing_was_done_and_is_not_asked_for_again_by_itself(
    queue: Queue, site: Site, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with away(site, monkeypatch):
        answer = operator.post("/queues/default/pause", data={"why": "the disk is full"})

    assert answer.status_code == 503
    assert "No member answers. Nothing was done." in answer.text
    assert "refresh" not in answer.headers
    assert queue.log_size() == 0


def test_who_comes_while_another_finds_that_out_hears_it_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    has_begun, may_end, following = threading.Event(), threading.Event(), site.house.live

    def is_away() -> None:
        has_begun.set()
        assert may_end.wait(PATIENCE_S)
        raise Unavailable("No member answers.")

    class Coming:
        """The lock, which lets the first go on once the second comes to it."""

        def acquire(self, **how: Any) -> bool:
            may_end.set()
            return looking.acquire(**how)

        def release(self) -> None:
            looking.release()

    monkeypatch.setattr(site.house.queue.connection.views, "applied", is_away)
    following._looked = float("-inf")
    first = threading.Thread(target=lambda: following.pulse)
    first.start()
    assert has_begun.wait(PATIENCE_S)
    looking = following._looking
    monkeypatch.setattr(following, "_looking", Coming())

    assert following.pulse.is_away
    first.join()
