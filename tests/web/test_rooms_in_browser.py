"""The rooms in a real browser: the overview's chart moves, and what is done from a page is seen to happen."""

import pytest
from playwright.sync_api import expect

from eventqueue.api.queue import Queue
from tests.web.conftest import OpenPage
from tests.worker.crew import Start

pytestmark = pytest.mark.web
WAIT_MS = 20_000  # for a worker that is started, too


def test_the_overviews_chart_is_drawn_and_moves(queue: Queue, open_page: OpenPage, work: Start) -> None:
    queue.enqueue(command="true")
    queue.status()
    page = open_page("/")
    expect(page.locator(".chart canvas")).to_be_visible()
    expect(page.locator(".chart svg")).to_have_count(0)
    expect(page.locator(".line.done")).to_have_text("done, 0 in all")

    queue.enqueue_many([{"command": "true"}] * 4)
    work()

    expect(page.locator(".line.in")).to_have_text("in, 5 in all", timeout=WAIT_MS)
    expect(page.locator(".line.done")).to_have_text("done, 5 in all", timeout=WAIT_MS)
    assert queue.connection.views.applied() is not None
    page.get_by_role("link", name="24h").click()
    expect(page.locator(".chart canvas")).to_be_visible()


def test_a_queue_is_paused_from_its_page_while_another_tab_looks_on(queue: Queue, open_page: OpenPage) -> None:
    queue.enqueue(command="true", queue="mail")
    queue.status()
    other, page = open_page("/queues/mail"), open_page("/queues/mail")

    page.get_by_label("Why: the log keeps it").fill("the printer burns")
    page.get_by_role("button", name="Pause").click()

    expect(page.get_by_role("status").filter(has_text="Queue mail is paused")).to_be_visible()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    expect(other.get_by_text("the printer burns").first).to_be_visible()


def test_a_schedule_is_triggered_and_its_job_is_seen_to_end(queue: Queue, open_page: OpenPage, work: Start) -> None:
    queue.schedule("nightly", {"command": "true"}, cron="0 3 * * *")
    work()
    page = open_page("/schedules/nightly")

    page.get_by_role("button", name="Trigger now").click()

    expect(page.get_by_text("Job added: nightly:").first).to_be_visible()
    expect(page.get_by_text("schedule-triggered")).to_be_visible()
    page.goto("/")
    expect(page.get_by_role("listitem").filter(has_text="completed")).to_contain_text("1", timeout=WAIT_MS)


def test_a_verification_is_watched_to_its_end(queue: Queue, open_page: OpenPage) -> None:
    queue.enqueue_many([{"command": "true"}] * 200)
    queue.status()
    page = open_page("/audit")

    page.get_by_role("button", name="Verify").click()

    expect(page.get_by_text("200 jobs, 200 events verified, nothing found")).to_be_visible()
