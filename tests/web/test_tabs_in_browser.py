"""Many tabs of one browser, which has six connections for them: one follows for all."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from eventqueue.api.queue import Queue
from eventqueue.ports.views import Lag
from eventqueue.server.deadline import Deadline, wait_until
from tests.patience import PATIENCE_S
from tests.web.conftest import OpenPage
from tests.web.sites import Site

pytestmark = pytest.mark.web


def test_eight_tabs_are_live_over_one_connection_and_another_takes_it_over(
    queue: Queue, site: Site, open_page: OpenPage
) -> None:
    first = open_page("/")
    tabs = [first, *(first.context.new_page() for _ in range(7))]
    for page in tabs[1:]:
        page.goto("/")
    pending = [one.get_by_role("listitem").filter(has_text="pending") for one in tabs]

    queue.enqueue(command="true")
    queue.status()
    for one in pending:
        expect(one).to_contain_text("1")
    assert site.house.live.watchers == 1

    first.close()
    queue.enqueue(command="true")
    queue.status()
    for one in pending[1:]:
        expect(one).to_contain_text("2")
    assert wait_until(lambda: site.house.live.watchers == 1, Deadline.after(timedelta(seconds=PATIENCE_S)))


def test_that_views_fall_behind_is_seen_though_nothing_moves(
    site: Site, open_page: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = open_page("/")
    expect(page.locator("#pulse")).to_contain_text("At position")

    monkeypatch.setattr(site.house.queue.connection.views, "lag", lambda: Lag(42.0))

    expect(page.locator("#pulse")).to_contain_text("42.0 s behind it")


def test_a_page_whose_server_has_ended_says_so(site: Site, open_page: OpenPage) -> None:
    page = open_page("/")
    expect(page.locator("#pulse")).to_contain_text("At position")

    site.house.live.stop()
    page.context.clear_cookies()

    expect(page.locator("#trouble")).to_contain_text("open the address that it printed")
