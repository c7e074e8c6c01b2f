"""What is open shows what happens, as it does."""

import pytest
from playwright.sync_api import expect

from eventqueue.api.queue import Queue
from tests.web.conftest import OpenPage
from tests.worker.crew import Start

pytestmark = pytest.mark.web


def test_a_job_that_is_enqueued_and_worked_is_seen_without_a_reload(
    queue: Queue, open_page: OpenPage, work: Start
) -> None:
    page = open_page("/")
    completed = page.get_by_role("listitem").filter(has_text="completed")
    expect(completed).to_contain_text("0")

    queue.enqueue(command="true")
    work()

    expect(completed).to_contain_text("1")
