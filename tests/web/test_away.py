"""Where the database is away nobody waits for each call to find that out, and a page comes back by itself."""

import httpx
import pytest

from eventqueue.errors import Unavailable
from eventqueue.web import live
from tests.web.sites import Site


def test_a_page_says_so_at_once_and_asks_again(
    site: Site, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def is_away() -> None:
        raise Unavailable("No member answers.")

    monkeypatch.setattr(live, "AGAIN_S", 0.0)
    with monkeypatch.context() as patched:
        patched.setattr(live, "EVERY_S", 0.0)
        patched.setattr(site.house.queue.connection.views, "lag", is_away)
        answer = operator.get("/queues?q=1")

    assert answer.status_code == 503
    assert "No member answers." in answer.text
    assert (answer.headers["refresh"], 'href="/queues?q=1"' in answer.text) == ("5", True)
    assert operator.get("/").status_code == 200
    assert caplog.records == []
