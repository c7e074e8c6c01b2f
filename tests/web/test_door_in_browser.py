"""The door in a real browser: what pages of others can do to a page that is open, and how people come in."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from eventqueue.api.queue import Queue
from tests.web.sites import Site

pytestmark = pytest.mark.web


@contextmanager
def elsewhere(html: str) -> Iterator[int]:
    """A page of somebody else's on this machine; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    """A tab of somebody who has come in as an operator."""
    with browser.new_context(base_url=site.url) as context:
        page = context.new_page()
        page.goto(f"/?token={site.keys.operator}")
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        yield page


def test_a_page_at_another_port_which_is_sent_the_cookie_can_neither_act_nor_read(
    queue: Queue, site: Site, page: Page
) -> None:
    queue.enqueue(command="true")
    form = f'<form method="post" action="{site.url}/queues/default/pause"><button>A prize</button></form>'
    frame = f'<iframe src="{site.url}/queues"></iframe>'
    with elsewhere(form + frame) as port:
        page.goto(f"http://127.0.0.1:{port}/")
        asked = "url => fetch(url, {credentials: 'include', mode: 'no-cors'}).then(() => 'had', () => 'refused')"
        assert page.evaluate(asked, f"{site.url}/queues") == "refused"
        assert page.evaluate(asked, f"{site.url}/static/main.js") == "refused"
        assert page.frame_locator("iframe").get_by_role("heading", name="Queues").count() == 0

        page.get_by_role("button", name="A prize").click()

        expect(page.get_by_role("alert")).to_have_text("An act is only taken from a page of this one.")
    assert queue.queues()[0].pause is None


def test_who_comes_by_a_link_of_another_site_goes_on_with_a_click(site: Site, page: Page) -> None:
    with elsewhere(f'<a href="{site.url}/queues">the queues</a>') as port:
        page.goto(f"http://localhost:{port}/")
        page.get_by_role("link", name="the queues").click()
        expect(page.get_by_role("alert")).to_contain_text("You come from elsewhere")

        page.get_by_role("link", name="Go on").click()

        expect(page.get_by_role("heading", name="Queues")).to_be_visible()


def test_who_has_no_cookie_gives_the_token_and_sees_what_was_asked_for(site: Site, page: Page) -> None:
    page.context.clear_cookies()
    page.goto("/queues?x=1")
    found = Axe().run(page).response["violations"]
    assert [one["id"] for one in found] == []

    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Come in").click()
    expect(page.get_by_role("alert")).to_contain_text("That is no token of this page")
    page.get_by_label("Token").fill(site.keys.viewer or "")
    page.get_by_role("button", name="Come in").click()

    expect(page.get_by_role("heading", name="Queues")).to_be_visible()
    assert page.url == f"{site.url}/queues?x=1"
    assert page.evaluate("document.cookie") == ""  # no script reads it


@pytest.mark.parametrize("length", [150_000, 5_000_000])
def test_what_was_typed_into_a_form_that_is_too_long_is_there_once_one_goes_back(page: Page, length: int) -> None:
    page.goto("/enqueue")
    command, tags = page.locator("[name=command]"), page.locator("[name=tags]")
    tags.fill("nightly")
    command.evaluate("(field, length) => { field.value = 'x'.repeat(length) }", length)
    page.get_by_role("button", name="Enqueue").click()

    expect(page.get_by_role("alert")).to_contain_text("may take 100,000 bytes as it is sent. Your browser's Back shows")
    page.go_back()

    expect(tags).to_have_value("nightly")
    assert command.evaluate("field => field.value.length") == length
