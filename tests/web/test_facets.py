"""How many jobs there are of each kind, beside the list: each a link that asks for it, or for it no more."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from eventqueue.api.queue import Queue
from eventqueue.web.pages import facets
from tests.web.sites import was_at

LINK = re.compile(r'<li[^>]*><a href="([^"]+)"[^>]*><bdi>([^<]*)</bdi>.*?<span class="number">([0-9,]+)</span></li>')


def kinds(client: httpx.Client, text: str, **more: str) -> dict[str, tuple[str, str]]:
    """Return of each kind how many there are, and the filter of its link."""
    page = client.get("/search/facets", params={"q": text, **more})
    page.raise_for_status()
    return {label: (number, _filter(address)) for address, label, number in LINK.findall(page.text)}


def _filter(address: str) -> str:
    return parse_qs(urlsplit(unescape(address)).query).get("q", [""])[0]


def test_each_kind_is_counted_and_is_a_link_that_asks_for_it_or_for_it_no_more(
    queue: Queue, viewer: httpx.Client
) -> None:
    queue.enqueue(command="true", queue="mail", tags=["red", "the blue"])
    queue.enqueue(command="true", queue="mail", tags=["red"])
    queue.enqueue(task="shop.send", id="other")
    queue.cancel("other")

    found = kinds(viewer, "queue:mail created>-2h")
    of_all = kinds(viewer, "state:pending")

    assert found["red"] == ("2", "queue:mail created>-2h tag:red")
    assert found["the blue"] == ("1", 'queue:mail created>-2h tag:"the blue"')
    assert found["mail"] == ("2", "created>-2h")
    assert of_all["pending"] == ("2", "")
    assert of_all["cancelled"] == ("1", "state:pending state:cancelled")
    assert of_all["mail"] == ("2", "state:pending queue:mail")
    assert kinds(viewer, "")["shop.send"] == ("1", "task:shop.send")


def test_a_kind_that_is_asked_for_is_shown_however_rare_it_is(
    queue: Queue, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets, "MOST", 1)
    queue.enqueue_many([{"command": "true", "queue": one} for one in ("often", "often", "seldom")])

    found = kinds(viewer, "queue:seldom queue:often")

    assert found["seldom"] == ("1", "queue:often")
    assert "seldom" not in kinds(viewer, "")


def test_of_a_time_that_is_past_states_and_queues_are_counted_as_they_were(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(command="true", id="one", queue="mail")
    at = was_at(queue, "one")
    queue.cancel("one")

    found = kinds(viewer, "", at=at)

    assert found["pending"][0] == found["mail"][0] == "1"
    assert "cancelled" not in found
    assert (
        "jobs are counted by state and queue alone"
        in viewer.get("/search/facets", params={"q": "tag:x", "at": at}).text
    )


def test_of_a_wrong_filter_no_kinds_are_shown(viewer: httpx.Client) -> None:
    assert viewer.get("/search/facets", params={"q": "staet:dead"}).status_code == 400
