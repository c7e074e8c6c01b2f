"""What stands in a table is alike wherever it does: a job by the end of its id, an act behind a button."""

import re
from html import unescape

import httpx
import pytest

from eventqueue.api.queue import Queue
from eventqueue.errors import LogUnavailable
from eventqueue.model.job import State
from tests.cli.past import died

OURS = "01a227d5-0397-719b-8e88-1cc9a2c984f3"
HOLDS = {"pending": {"cancel"}, "dead": {"retry", "cancel"}, "cancelled": {"retry"}}


def offered(text: str) -> set[str]:
    """The acts that the rows of a list offer."""
    return set(re.findall(r'<button formaction="/jobs/[^/"]+/([^"]+)"', text))


def test_a_job_beside_others_is_shown_by_the_end_of_its_id_and_has_all_of_it_at_hand(
    queue: Queue, viewer: httpx.Client
) -> None:
    queue.enqueue(command="true", id=OURS, queue="mail", max_retries=0)
    queue.status()
    next_ = viewer.get("/queues/mail").text
    died(queue, OURS)
    queue.status()

    pages = {"/queues/mail": next_} | {
        path: viewer.get(path).text for path in ("/", "/jobs", "/dead", "/audit?what=all")
    }

    for path, text in pages.items():
        cells = re.findall(rf'<a [^>]*title="(?:job-)?{OURS}">(.*?)</a>', text)
        assert {re.sub("<[^>]*>", "", one) for one in cells} == {OURS[-8:]}, path
    assert queue.resolve(OURS[-8:]) == OURS


@pytest.mark.parametrize("state", HOLDS)
def test_a_row_of_the_list_offers_what_the_state_of_its_job_allows_to_who_may_act(
    queue: Queue, operator: httpx.Client, viewer: httpx.Client, state: str
) -> None:
    queue.enqueue(command="true", id="one", max_retries=0)
    if state == "dead":
        died(queue, "one")
    elif state == "cancelled":
        queue.cancel("one")

    assert offered(operator.get("/jobs").text) == HOLDS[state]
    assert offered(viewer.get("/jobs").text) == set()


def test_an_act_that_is_asked_for_from_a_list_leads_back_there(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(command="true", id="one", queue="mail")
    filter_ = "queue:mail <b>"
    field = re.search(r'name="list" value="([^"]*)"', operator.get("/jobs", params={"q": "queue:mail"}).text)

    answer = operator.post("/jobs/one/cancel", data={"why": "twice there", "list": filter_, "sort": "queue"})

    assert field is not None
    assert unescape(field[1]) == "queue:mail"
    assert queue.get("one").state is State.CANCELLED
    assert (answer.url.path, answer.url.params["q"], answer.url.params["sort"]) == ("/jobs", filter_, "queue")
    assert "Job one is cancelled" in answer.text
    assert operator.post("/jobs/one/retry", data={"why": "after all"}).url.path == "/jobs/one"


def test_an_act_that_is_refused_is_told_above_the_list_that_it_was_asked_for_from(
    queue: Queue, operator: httpx.Client
) -> None:
    queue.enqueue(command="true", id="one", queue="mail")

    answer = operator.post("/jobs/one/retry", data={"why": "", "list": "queue:mail", "sort": ""})

    assert (answer.status_code, answer.url.path, answer.url.params["q"]) == (200, "/jobs", "queue:mail")
    (told,) = re.findall(r'<p class="problem" role="alert" data-key="notice">([^<]+)</p>', answer.text)
    assert "That was not done: " in told
    assert "pending" in told
    assert 'data-key="one"' in answer.text


def test_of_an_act_from_a_list_whose_outcome_is_unknown_it_is_not_said_that_it_was_not_done(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(command="true", id="one", queue="mail")

    def unknown(*_: object) -> None:
        raise LogUnavailable("Whether job one is cancelled is unknown.")

    monkeypatch.setattr(Queue, "cancel", unknown)
    answer = operator.post("/jobs/one/cancel", data={"list": "queue:mail"})

    assert answer.status_code == 503
    assert "That was not answered" in answer.text
    assert "Whether job one is cancelled is unknown." in answer.text
    assert "not done" not in answer.text


@pytest.mark.parametrize("path", ["/jobs", "/jobs/one"])
def test_of_several_acts_with_one_reason_enter_presses_none(queue: Queue, operator: httpx.Client, path: str) -> None:
    queue.enqueue(command="true", id="one", max_retries=0)
    died(queue, "one")

    forms = re.findall(r"<form[^>]*>.*?</form>", operator.get(path).text, re.DOTALL)

    several = [one for one in forms if one.count("formaction") > 1]
    assert several, path
    for one in several:
        assert re.findall(r"<button[^>]*>", one)[0] == '<button disabled="disabled" hidden="hidden">'
