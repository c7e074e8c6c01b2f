"""The page of one job before a reader's eyes: what happens to it is seen as it does, and what it writes."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from eventqueue.api.queue import Queue
from eventqueue.model.events import EMPTY
from tests.builders import COMPLETED, RETRIED_AFTER_WAIT, append, claimed, enqueued, failed
from tests.web.conftest import OpenPage
from tests.worker.crew import Start

pytestmark = pytest.mark.web


def test_a_job_that_fails_is_retried_from_its_page_and_completes_before_the_readers_eyes(
    queue: Queue, open_page: OpenPage, work: Start, tmp_path: Path
) -> None:
    mended = tmp_path / "mended"
    queue.enqueue(id="one", command=f"test -e {mended}", max_retries=0)
    page = open_page("/jobs/one")
    state = page.locator(".stands .state")
    expect(state).to_have_text("pending")
    page.locator("#v1 summary").click()
    reason = page.get_by_label("Why: the log keeps it").first
    reason.fill("it is mended")

    work()
    expect(state).to_have_text("dead")
    expect(page.locator("rect.failed")).to_have_count(1)
    page.locator("rect.failed").hover()
    expect(page.locator(".told")).to_contain_text("attempt 1 ran")
    expect(page.locator("#v1 details")).to_have_attribute("open", "")
    expect(reason).to_have_value("it is mended")

    mended.touch()
    page.get_by_role("button", name="Retry").click()

    expect(page.get_by_role("status").filter(has_text="pending again")).to_be_visible()
    expect(state).to_have_text("completed")
    expect(page.locator("rect.completed")).to_have_count(1)
    expect(page.locator("#v5")).to_contain_text("it is mended")


def test_what_a_job_writes_is_seen_as_it_writes_it_and_is_never_markup(
    queue: Queue, open_page: OpenPage, work: Start, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    wait = f"while ! test -e {go}; do sleep 0.05; done"
    much = r"head -c 1000000 /dev/zero | tr '\0' x; echo"
    queue.enqueue(id="one", command=rf"printf '10 %%\r90 %%\n'; {much}; {wait}; printf '\377ends\n'")
    queue.enqueue(id="two", command=rf"printf '\033[31m<b>red</b>\033[0m\n'; {wait}")
    page, other = open_page("/jobs/one"), open_page("/jobs/two")

    work(concurrency=2)

    stdout = page.locator("[data-stream=stdout]")
    expect(stdout).to_contain_text("xxxxxxxx")
    expect(page.get_by_text("the end of 1,0")).to_be_visible()
    expect(other.locator("[data-stream=stdout] .c1")).to_have_text("<b>red</b>")
    go.touch()
    expect(page.locator(".stands .state")).to_have_text("completed")
    expect(stdout).to_contain_text(r"\xffends")
    expect(page.get_by_role("link", name="all that is kept")).to_be_visible()


def test_the_line_is_laid_out_in_the_browser_as_the_server_does_it(queue: Queue, open_page: OpenPage) -> None:
    now, head = queue.connection.ground.clock.now(), EMPTY
    retry = failed(retry_at=now - timedelta(seconds=4))
    events = (enqueued(), claimed(), retry, RETRIED_AFTER_WAIT, claimed(), COMPLETED)
    for ago, event in zip((36_000, 10, 8, 3, 3, 1), events, strict=True):
        one = append("job-one", event, head=head, now=now - timedelta(seconds=ago))
        queue.connection.ground.log.append([one])
        head = one.head
    page = open_page("/jobs/one")
    expect(page.get_by_role("button", name="Look more closely")).to_be_visible()

    form = r'<rect class="([^"]+)" x="([^"]+)%" y="\d+" width="([^"]+)%"'
    drawn = re.findall(form, page.request.get("/jobs/one").text())
    read = "all => all.map(one => ['class', 'x', 'width'].map(name => one.getAttribute(name)))"
    here = page.locator("rect").evaluate_all(read)

    assert [name for name, *_ in drawn] == ["waiting cut", "running failed", "backoff", "waiting", "running completed"]
    assert [name for name, *_ in here] == [name for name, *_ in drawn]
    for (_, *sizes), (_, *others) in zip(drawn, here, strict=True):
        assert [float(one) for one in sizes] == pytest.approx([float(one.rstrip("%")) for one in others], abs=0.01)


def test_it_can_be_looked_at_more_closely_and_its_id_copied(queue: Queue, open_page: OpenPage) -> None:
    queue.enqueue(id="one", command="true", delay=3600)
    page = open_page("/jobs/one", permissions=["clipboard-read", "clipboard-write"])

    page.get_by_role("button", name="Look more closely").click()

    expect(page.locator("svg.timeline")).to_have_attribute("width", "200%")
    page.get_by_role("button", name="Copy one").click()
    expect(page.get_by_text("copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "one"
