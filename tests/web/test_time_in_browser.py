"""The slider over the log's life: what it shows at a moment is what was so then, and it is told that it is past."""

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import expect

from eventqueue.api.queue import Queue
from eventqueue.model.figures import instant
from eventqueue.model.job import State
from eventqueue.ports.views import Filter
from tests.web.conftest import OpenPage
from tests.worker.stage import wait_until

pytestmark = pytest.mark.web


def recorded(queue: Queue) -> datetime:
    """Return a moment by which all was done that was, and nothing of what is done next: the log tells the second."""
    now = queue.connection.ground.clock.now
    began = int(now().timestamp())
    wait_until(lambda: int(now().timestamp()) >= began + 2)
    return now().replace(microsecond=0) - timedelta(milliseconds=500)


def test_each_recorded_state_is_shown_at_its_time(queue: Queue, open_page: OpenPage) -> None:
    moments = []
    for number in (1, 2, 3):
        queue.enqueue(command="true")
        moments.append((recorded(queue), number))
    queue.cancel_all(Filter())

    for at, number in moments:
        page = open_page(f"/?at={instant(at).replace('+', '%2B')}")
        expect(page.get_by_role("listitem").filter(has_text="pending")).to_contain_text(str(number))
        expect(page.locator("#time")).to_contain_text("Nothing moves")
        assert queue.at(at).status().count(State.PENDING) == number


def test_it_is_moved_by_keyboard_and_back_to_now(queue: Queue, open_page: OpenPage) -> None:
    queue.enqueue(command="true")
    recorded(queue)
    page = open_page("/")
    slider = page.get_by_role("slider")

    slider.focus()
    slider.press("Home")
    expect(page.locator("#time")).to_contain_text("As it was at")
    assert "at=" in page.url
    assert page.locator("body[data-live]").count() == 0

    page.get_by_role("link", name="Live").click()
    expect(page.locator("#time")).to_contain_text("At position")
    assert "at=" not in page.url
    assert page.locator("body[data-live]").count() == 1


def test_the_page_stays_the_one_it_was(queue: Queue, open_page: OpenPage) -> None:
    queue.enqueue(command="true", queue="mail")
    page = open_page("/queues?at=1ms")

    page.get_by_role("link", name="Jobs", exact=True).click()

    expect(page).to_have_url(re.compile(r"/jobs\?at=1ms$"))
