"""The list of jobs in a browser: completion by keyboard, kinds beside it, and an act on many."""

import pytest
from playwright.sync_api import Page, expect

from eventqueue.api.handles import Handle
from eventqueue.api.queue import Queue
from eventqueue.model.job import State
from tests.cli.past import died
from tests.web.conftest import OpenPage

pytestmark = pytest.mark.web

KEYS = "[...document.querySelectorAll('tr[data-key]')].map(one => one.dataset.key)"


def test_a_filter_is_completed_by_keyboard_alone(queue: Queue, open_page: OpenPage) -> None:
    queue.enqueue(command="true", id="one", queue="mail")
    queue.enqueue(command="true", id="two", queue="other")
    page = open_page("/jobs")
    field = page.get_by_role("combobox", name="Search jobs")

    page.keyboard.press("/")
    expect(field).to_be_focused()
    page.keyboard.type("que")
    option = page.get_by_role("option")
    expect(option).to_contain_text("queue:")
    expect(field).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Tab")
    expect(field).to_have_value("queue:")
    expect(option).to_have_count(2)
    page.keyboard.press("ArrowDown")
    expect(option.first).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", "completion-0")
    page.keyboard.press("Enter")
    expect(field).to_have_value("queue:mail ")
    expect(option.first).to_contain_text("state:")
    page.keyboard.press("Escape")
    expect(option).to_have_count(0)
    expect(field).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("link", name="one", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="two", exact=True)).to_have_count(0)


TYPED_ON = """(field, more) => {
    field.setRangeText(more, field.value.length, field.value.length, 'end');
    field.dispatchEvent(new InputEvent('input', { bubbles: true }));
}"""
THEN_TAB = "field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Tab', bubbles: true, cancelable: true }))"
THEN_CLICKED = (
    "document.getElementById('completion-0').dispatchEvent(new MouseEvent('mousedown', { cancelable: true }))"
)


@pytest.mark.parametrize("then", [THEN_TAB, THEN_CLICKED], ids=["Tab", "clicked"])
def test_what_is_typed_on_before_it_was_answered_is_completed_as_a_whole(open_page: OpenPage, then: str) -> None:
    page = open_page("/jobs")
    field, option = page.get_by_role("combobox", name="Search jobs"), page.get_by_role("option")

    def at_once(more: str, then: str) -> None:
        field.evaluate(f"(field, more) => {{ ({TYPED_ON})(field, more); {then}; }}", more)

    field.focus()
    page.keyboard.type("s")
    expect(option.first).to_contain_text("state:")
    at_once("tate", then)
    expect(field).to_have_value("state:")

    expect(option.first).not_to_contain_text("state:")
    page.keyboard.press("ArrowDown")  # what was chosen before is not meant any more
    at_once("dea", THEN_TAB)
    expect(field).to_have_value("state:dead ")


def test_a_kind_beside_the_list_chooses_its_jobs(queue: Queue, open_page: OpenPage) -> None:
    queue.enqueue(command="true", id="one", tags=["red"])
    queue.enqueue(command="true", id="two")
    page = open_page("/jobs")

    page.get_by_label("Kinds").get_by_role("link", name="red").click()

    expect(page.get_by_role("combobox", name="Search jobs")).to_have_value("tag:red")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_label("Kinds").get_by_role("link", name="red").click()
    expect(page.locator("tbody tr")).to_have_count(2)


def test_enter_behind_a_reason_does_none_of_several_acts(queue: Queue, open_page: OpenPage) -> None:
    queue.enqueue(command="true", id="one", max_retries=0)
    died(queue, "one")
    page = open_page("/jobs")
    page.get_by_role("button", name="Do with job one").click()
    why = page.get_by_label("Why")
    expect(why).to_be_focused()

    page.keyboard.type("because")
    page.keyboard.press("Enter")

    expect(why).to_have_value("because")
    assert queue.get("one").state is State.DEAD
    page.get_by_role("button", name="Retry", exact=True).click()
    expect(page.get_by_text("Job one is pending again")).to_be_visible()


def test_many_jobs_are_retried_and_the_sum_is_told(queue: Queue, open_page: OpenPage) -> None:
    for number in range(30):
        queue.enqueue(command="true", id=f"one-{number}")
        queue.cancel(f"one-{number}")
    page = open_page("/jobs?q=state:cancelled")

    page.get_by_role("link", name="Retry…").click()
    page.get_by_label("Why").fill("they were needed after all")
    page.get_by_role("button", name="Retry 30 jobs").click()

    expect(page.get_by_text("30 jobs are pending again.")).to_be_visible()
    assert queue.count(state=State.PENDING).count == 30


def test_thousands_of_jobs_are_scrolled_through_with_those_near_the_view_alone_in_the_document(
    queue: Queue, open_page: OpenPage
) -> None:
    made = [one.id for one in queue.enqueue_many([{"command": "true"} for _ in range(5000)]) if isinstance(one, Handle)]
    page = open_page("/jobs")
    expect(page.get_by_text("More as you scroll …")).to_be_visible()
    last = None

    drawn, seen = 0, set[str]()
    while len(seen) < len(made):
        page.evaluate("scrollTo(0, document.body.scrollHeight)")
        page.wait_for_function(f"last => {KEYS}.at(-1) !== last", arg=last)
        shown = page.evaluate(KEYS)
        drawn, seen, last = max(drawn, len(shown)), seen | {*shown}, shown[-1]

    assert seen == {*made}
    assert drawn < 1500
    expect(page.get_by_text("These are all.")).to_be_visible()
    page.evaluate("scrollTo(0, 0)")
    expect(page.get_by_title(made[-1])).to_be_visible()


def top_of(page: Page, job_id: str) -> float:
    found = page.get_by_title(job_id).bounding_box()
    assert found is not None
    return float(found["y"])


def test_what_is_new_is_told_to_who_reads_further_down_and_shown_to_who_stands_at_the_beginning(
    queue: Queue, open_page: OpenPage
) -> None:
    queue.enqueue_many([{"command": "true", "id": f"old-{number}"} for number in range(60)])
    page = open_page("/jobs")
    expect(page.locator("tr[data-key]").first).to_have_attribute("data-key", "old-59")
    page.evaluate("scrollTo(0, 600)")
    before = top_of(page, "old-40")

    queue.enqueue_many([{"command": "true", "id": "new-0"}, {"command": "true", "id": "new-1"}])

    news = page.get_by_role("button", name="2 new")
    expect(news).to_be_visible()
    expect(page.get_by_title("new-1")).to_have_count(0)
    assert top_of(page, "old-40") == before
    news.click()
    expect(page.locator("tr[data-key]").first).to_have_attribute("data-key", "new-1")
    page.mouse.move(5, 5)
    queue.cancel("new-1")
    expect(page.locator("tr[data-key]").first).to_contain_text("cancelled")


def test_what_is_ticked_stays_ticked_while_the_list_moves_and_is_acted_on(queue: Queue, open_page: OpenPage) -> None:
    for name in ("one", "two", "three"):
        queue.enqueue(command="true", id=name)
    page = open_page("/jobs")

    page.get_by_role("checkbox", name="Job one").check()
    page.get_by_role("checkbox", name="Job three").check()
    queue.enqueue(command="true", id="new")
    expect(page.get_by_role("button", name="1 new")).to_be_visible()
    page.get_by_role("form", name="With the jobs that are ticked").get_by_role("button", name="Cancel…").click()
    page.get_by_role("button", name="Cancel 2 jobs").click()

    expect(page.get_by_text("2 jobs are cancelled.")).to_be_visible()
    assert {job.id for job in queue.list(state=State.PENDING)} == {"two", "new"}


def test_a_filter_that_is_none_is_told_of_at_its_field_while_the_list_stays(queue: Queue, open_page: OpenPage) -> None:
    queue.enqueue(command="true", id="one")
    page = open_page("/jobs")
    field, told = page.get_by_label("Search jobs"), page.locator("#search-problem")

    field.fill("state:ded")
    field.press("Enter")
    expect(told).to_contain_text("ded")
    expect(page.get_by_title("one")).to_be_visible()

    field.fill("state:dead")
    expect(told).to_have_count(0)
    field.press("Enter")
    expect(page.get_by_text("No job fits.")).to_be_visible()


def test_a_job_is_cancelled_from_its_row_by_keyboard_alone_and_the_list_is_there_again(
    queue: Queue, open_page: OpenPage
) -> None:
    queue.enqueue(command="true", id="one", delay=3600)
    page = open_page("/jobs?q=queue:default")

    page.get_by_role("button", name="Do with job one").press("Enter")
    page.keyboard.type("not needed")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.get_by_role("status").filter(has_text="Job one is cancelled")).to_be_visible()
    expect(page.get_by_label("Search jobs")).to_have_value("queue:default")
    assert "not needed" in str(queue.history("one")[-1].event)
