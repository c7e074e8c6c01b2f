"""The rooms in a real browser: the overview's chart moves, and what is done from a page is seen to happen."""

import pytest
from playwright.sync_api import expect

from eventqueue.api.queue import Queue
from tests.cli.past import died
from tests.web.conftest import OpenPage
from tests.worker.crew import Start

pytestmark = pytest.mark.web


def test_the_overviews_chart_is_drawn_and_moves(queue: Queue, open_page: OpenPage, work: Start) -> None:
    queue.enqueue(command="true")
    queue.status()
    page = open_page("/")
    expect(page.locator(".chart canvas")).to_be_visible()
    expect(page.locator(".chart svg")).to_have_count(0)
    expect(page.locator(".line.done")).to_have_text("done, 0 in all")

    queue.enqueue_many([{"command": "true"}] * 4)
    work()

    expect(page.locator(".line.in")).to_have_text("in, 5 in all")
    expect(page.locator(".line.done")).to_have_text("done, 5 in all")
    assert queue.connection.views.applied() is not None
    page.get_by_role("link", name="24h").click()
    expect(page.locator(".chart canvas")).to_be_visible()


def test_what_is_chosen_is_chosen_where_a_script_draws_it_too(queue: Queue, open_page: OpenPage) -> None:
    queue.enqueue_many([{"command": "true", "queue": name} for name in ("a", "b", "c")])
    queue.status()
    page = open_page("/?queue=b")
    choice = page.locator("select[name=queue]")
    expect(choice).to_have_value("b")

    choice.select_option("c")
    queue.enqueue(command="true", queue="b")
    queue.status()
    expect(page.locator(".line.in")).to_have_text("in, 2 in all")
    expect(choice).to_have_value("c")
    page.get_by_role("button", name="Show").click()

    expect(page.locator(".line.in")).to_have_text("in, 1 in all")
    expect(choice).to_have_value("c")
    page.goto("/audit?what=claimed")
    expect(page.locator("select[name=what]")).to_have_value("claimed")


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
    expect(page.get_by_role("listitem").filter(has_text="completed")).to_contain_text("1")


def test_a_verification_is_watched_to_its_end(queue: Queue, open_page: OpenPage) -> None:
    queue.enqueue_many([{"command": "true"}] * 200)
    queue.status()
    page = open_page("/audit")

    page.get_by_role("button", name="Verify").click()

    expect(page.get_by_text("200 jobs, 200 events verified, nothing found")).to_be_visible()


def test_on_a_phone_all_of_a_row_is_in_view_and_the_time_leaves_room_for_it(queue: Queue, open_page: OpenPage) -> None:
    queue.enqueue(command="true", id="one", queue="mail", max_retries=0)
    died(queue, "one", "no host answers, whatever it is asked for, and nobody knows since when")
    queue.status()
    page = open_page("/")
    page.set_viewport_size({"width": 390, "height": 844})
    error = page.get_by_role("region", name="The latest failures").get_by_text("no host answers")
    expect(page.locator(".chart canvas")).to_be_visible()

    row, bar, plot = (one.bounding_box() for one in (error, page.locator("#time"), page.locator(".plot")))

    assert row is not None and bar is not None and plot is not None  # noqa: PT018 - all three are there
    assert row["x"] + row["width"] <= 390
    assert bar["height"] < 90  # two rows
    assert plot["height"] < 190  # and nothing below what is drawn


def test_on_a_phone_dead_letters_and_what_is_ignored_of_them_are_in_view_with_what_can_be_done(
    queue: Queue, open_page: OpenPage
) -> None:
    for job_id in ("known", "new"):
        queue.enqueue(command="true", id=job_id, queue="mail", max_retries=0)
        died(queue, job_id, f"{job_id}: no host answers, whatever it is asked for")
    (known,) = [one for one in queue.errors().groups if one.example.job == "known"]
    queue.ignore_errors(known.fingerprint, why="the mirror is being mended until the end of the week")
    page = open_page("/dead")
    page.set_viewport_size({"width": 390, "height": 844})

    shown = [page.get_by_role("link", name="Ignore errors"), page.get_by_role("button", name="Heed errors")]
    shown += [page.get_by_text("the mirror is being mended"), page.get_by_label("Of those with")]

    for one in shown:
        expect(one).to_be_visible()
        box = one.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390
