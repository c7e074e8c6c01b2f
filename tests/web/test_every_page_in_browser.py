"""Every page, over a database of which every text is hostile: nothing of it is obeyed, and everybody can read it."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from pymongo import MongoClient

from eventqueue.api.queue import Queue
from eventqueue.web.drawing.rendering import PAGES
from eventqueue.web.entry.keys import Keys
from tests.cli.hostile import fill
from tests.web.conftest import OpenPage, opening
from tests.web.doors import open_door
from tests.web.sites import Site
from tests.worker.stage import wait_until

pytestmark = pytest.mark.web

MARKUP = "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>'\"><svg onload=window.hacked=1>"
PATHS = [path for path, _, _ in PAGES]
LOST = """() => [...document.querySelectorAll("main *")].filter((one) => {
  const { left, right, width } = one.getBoundingClientRect();
  const room = one.matches(".scroll") ? one.parentElement.clientWidth - width : 0;
  return (width > 0 && right < 0) || room > 40;
}).map((one) => one.outerHTML.slice(0, 100))"""
"""What nobody sees, though it is drawn: beside the page, or pressed into a part of the room that it has."""
DETAILS = ["/jobs/wild", "/jobs?q=state:dead", "/jobs/nowhere", "/queues?at=1s", "/?at=1s", "/enqueue?like=markup"]


@pytest.fixture(scope="module")
def furnished(server_uri: str, client: MongoClient[dict[str, Any]]) -> Iterator[Queue]:
    name = "test_every_page"
    with Queue(server_uri, name, actor="test") as queue:
        fill(queue, server_uri, 200)
        queue.enqueue(id="markup", command=f"echo {MARKUP}", tags=[MARKUP[:50]], meta={MARKUP: MARKUP}, queue="markup")
        queue.enqueue_many({"command": "true", "tags": [f"tag-{n}-{place}" for place in range(50)]} for n in range(200))
        queue.pause_queue("markup", MARKUP)
        queue.cancel("markup", MARKUP)
        yield queue
    client.drop_database(name)


@pytest.fixture(scope="module")
def furnished_site(furnished: Queue) -> Iterator[Site]:
    with open_door(furnished, Keys("the-viewers-token", "the-operators-token")) as site:
        yield site


@pytest.fixture
def open_furnished(browser: Browser, furnished_site: Site) -> Iterator[OpenPage]:
    with opening(browser, furnished_site) as open_page:
        yield open_page


def problems(page: Page) -> list[str]:
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{one['id']}: {one['help']}: {[node['target'] for node in one['nodes']][:3]}" for one in found]


def is_hacked(page: Page) -> bool:
    return bool(page.evaluate("'hacked' in window"))


@pytest.mark.parametrize("path", [*PATHS, *DETAILS])
def test_a_page_obeys_nothing_and_can_be_read_by_everybody(open_furnished: OpenPage, path: str) -> None:
    page = open_furnished(path)
    expect(page.locator("h1")).to_be_visible()
    page.wait_for_function("document.querySelector('[data-theme-switch]').hidden === false")

    assert not is_hacked(page)
    assert problems(page) == []
    assert page.evaluate(LOST) == []
    page.emulate_media(color_scheme="dark")
    assert problems(page) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert problems(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


@pytest.mark.parametrize("path", PATHS)
def test_without_script_a_page_shows_the_same_rows(open_furnished: OpenPage, path: str) -> None:
    def keys(page: Page) -> list[str]:
        return [str(row.get_attribute("data-key")) for row in page.locator("main [data-key]").all()]

    plain = keys(open_furnished(path, java_script_enabled=False))
    live = open_furnished(path)
    wait_until(lambda: len(keys(live)) >= len(plain))

    assert set(plain) <= set(keys(live))


def test_what_is_seen_of_a_job_is_its_text_whatever_that_says(open_furnished: OpenPage) -> None:
    page = open_furnished("/jobs/markup")

    expect(page.locator("main")).to_contain_text("<script>window.hacked = 1</script>")
    assert not is_hacked(page)


def go(page: Page, key: str) -> None:
    with page.expect_navigation():
        page.keyboard.press("g")
        page.keyboard.press(key)


def test_one_gets_everywhere_by_keyboard_alone(open_furnished: OpenPage) -> None:
    page = open_furnished("/")
    for path, name, key in PAGES:
        go(page, key)
        expect(page.locator("header nav [aria-current]")).to_have_text(name)
        assert urlsplit(page.url).path == path

    go(page, "j")
    expect(page.locator("header nav [aria-current]")).to_have_text("Jobs")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    with page.expect_navigation(url=re.compile("/jobs/.")):
        page.keyboard.press("Enter")

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("state:dead")
    with page.expect_navigation(url=re.compile(r"/jobs\?q=state%3Adead")):
        page.keyboard.press("Enter")
