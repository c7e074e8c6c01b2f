"""A page that is served as `queuectl web` does it, over a queue of the test's own, and a browser to look at it with."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.web.entry.keys import Keys
from tests.patience import PATIENCE_S
from tests.web.doors import open_door
from tests.web.sites import Site
from tests.worker.crew import Start, crews

PATIENCE_MS = PATIENCE_S * 1000
FROM_PAGES = {"sec-fetch-site": "same-origin"}


@pytest.fixture
def queue(server_uri: str, database: Database[dict[str, Any]]) -> Iterator[Queue]:
    with Queue(server_uri, database.name, actor="test") as queue:
        yield queue


@pytest.fixture
def site(queue: Queue) -> Iterator[Site]:
    """The page, served in a thread on a free port."""
    with open_door(queue, Keys("the-viewers-token", "the-operators-token")) as site:
        yield site


@pytest.fixture
def operator(site: Site) -> Iterator[httpx.Client]:
    """A client that has come in by the operator's address, and whose acts come from pages of the site."""
    with httpx.Client(base_url=site.url, follow_redirects=True, headers=FROM_PAGES, timeout=PATIENCE_S) as client:
        client.get("/", params={"token": site.keys.operator or ""}).raise_for_status()
        yield client


@pytest.fixture
def viewer(site: Site) -> Iterator[httpx.Client]:
    """As `operator`, by the viewer's address."""
    with httpx.Client(base_url=site.url, follow_redirects=True, headers=FROM_PAGES, timeout=PATIENCE_S) as client:
        client.get("/", params={"token": site.keys.viewer}).raise_for_status()
        yield client


@pytest.fixture
def work(server_uri: str, queue: Queue, database: Database[dict[str, Any]], tmp_path: Path) -> Iterator[Start]:
    """Starts workers, and stops them after the test."""
    with crews(server_uri, database.name, tmp_path) as start:
        yield start


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's browser; scripts/test --web names it, and installs it where there is none."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=os.environ.get("EVENTQUEUE_TEST_BROWSER", "/usr/bin/chromium"),
            # What a container gives it of shared memory is too little; and as root it cannot set up its sandbox.
            args=["--disable-dev-shm-usage", *(["--no-sandbox"] if os.getuid() == 0 else [])],
        )
        yield found
        found.close()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, site: Site) -> Iterator[OpenPage]:
    """See `opening`."""
    with opening(browser, site) as open_:
        yield open_


@contextmanager
def opening(browser: Browser, site: Site) -> Iterator[OpenPage]:
    """Yield what opens a page of the site in a tab of its own, as an operator.

    No request may have left the site, no script may have failed and none may have been held back by the policy once the
    test has ended.
    """
    amiss: list[str] = []
    contexts = []

    def open_(path: str = "/", token: str | None = None, **options: Any) -> Page:
        context = browser.new_context(base_url=site.url, **options)
        contexts.append(context)
        context.on("request", lambda one: None if one.url.startswith(site.url) else amiss.append(f"asked {one.url}"))
        context.on("weberror", lambda one: amiss.append(f"failed: {one.error}"))
        context.on("console", lambda one: amiss.append(one.text) if "Content Security Policy" in one.text else None)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"/?token={token or site.keys.operator}")
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert amiss == []
