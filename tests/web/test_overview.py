"""The overview and the queues: what they show is what the API does, at one position of the log, and bounded."""

import re
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.web import live
from tests.builders import claimed, failed
from tests.web.sites import is_now
from tests.web.test_job import dead, put


def test_all_pages_of_queues_show_something_of_an_empty_database(operator: httpx.Client) -> None:
    for path in ("/", "/queues"):
        assert "There is no queue yet" in operator.get(path).text
    missing = operator.get("/queues/nowhere")
    assert (missing.status_code, "Queue nowhere had no job" in missing.text) == (404, True)


def test_what_the_overview_shows_is_true_at_the_position_that_it_names(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue_many([{"command": "true", "queue": "mail"}] * 3)
    queue.status()

    shown = operator.get("/").text

    found = re.search(r'id="position">([\d,]+)<', shown)
    assert found is not None
    assert int(found[1].replace(",", "")) == queue.connection.views.applied() == 3
    assert re.search(r"<b>3</b> <span class=\"state pending\">", shown)
    assert "no worker serves it" in shown
    assert "in, 3 in all" in shown


def test_its_chart_is_of_the_queue_that_is_chosen_now_and_then(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue_many([{"command": "true", "queue": "mail"}] * 3)
    queue.enqueue(command="true", queue="a.b:c")
    queue.status()
    at = is_now(queue)

    one, every, unknown = (
        operator.get("/", params={"queue": name, "span": "14d"}).text for name in ("a.b:c", "", "nowhere")
    )
    then = operator.get("/", params={"queue": "a.b:c", "at": at}).text

    assert "in, 1 in all" in one
    assert "in, 4 in all" in every
    assert "in, 4 in all" in unknown
    assert "No queue &#39;nowhere&#39; ever had a job: the chart is of all queues." in unknown
    assert "No queue" not in one + every + then
    for shown in (one, then):
        assert '<option value="a.b:c" data-key="a.b:c" selected>' in shown
        assert re.search(r'href="/\?span=1h&amp;queue=a.b%3Ac', shown)
    assert 'name="at" value="2' in then


def test_a_queue_that_came_later_and_a_span_that_there_is_not_are_said_to_be_so(
    queue: Queue, operator: httpx.Client
) -> None:
    queue.enqueue(command="true", queue="mail")
    queue.status()
    at = is_now(queue)
    queue.enqueue(command="true", queue="post")
    queue.pause_queue("held")
    queue.status()

    then = operator.get("/", params={"queue": "post", "at": at}).text
    misspelt, held = (operator.get("/", params={"queue": name}).text for name in ("pots", "held"))
    of_all, of_one = (operator.get(path, params={"span": "30d"}).text for path in ("/", "/queues/post"))

    assert "No queue &#39;post&#39; had had a job by then" in then
    assert "No queue &#39;pots&#39; ever had a job (is post meant?)" in misspelt
    assert "No queue" not in held  # it is there, though no job ever was
    for shown in (of_all, of_one):
        assert "There is no span &#39;30d&#39;: this is of 1h." in shown
    assert "There is no span" not in then + held


def test_of_what_failed_last_it_is_told_what_it_ran(queue: Queue, operator: httpx.Client) -> None:
    dead(queue, command="make <all>")
    queue.status()

    shown = operator.get("/").text

    assert re.search(r"<code [^>]*><bdi>make &lt;all&gt;</bdi></code></td>\s*<td[^>]*><bdi>[^<]", shown)


def test_of_many_queues_the_most_loaded_are_shown_and_how_many_more_there_are(
    queue: Queue, operator: httpx.Client
) -> None:
    queue.enqueue_many([{"command": "true", "queue": f"q{number:04}"} for number in range(3000)])
    queue.enqueue_many([{"command": "true", "queue": "q0777"}] * 5)
    queue.status()

    overview, first = operator.get("/").text, operator.get("/queues").text
    second = operator.get("/queues", params={"from": 101}).text
    named = operator.get("/queues", params={"name": "Q299"}).text

    assert overview.count('<tr data-key="q') == 20
    assert "2,980 more queues" in overview
    assert overview.count("does not move: no worker serves it") <= 10 + 20
    assert first.count('<tr data-key="q') == second.count('<tr data-key="q') == 100
    assert first.index("q0777") < first.index("q0000")
    assert "101 to 200 of 3,000 queues" in second
    for beyond in ("3001", "0", "-5", "much"):
        assert "1 to 100 of 3,000 queues" in operator.get("/queues", params={"from": beyond}).text
    assert "q0000" not in second
    assert named.count('<tr data-key="q') == 10


def test_many_queues_are_shown_with_as_many_questions_as_few(
    queue: Queue, operator: httpx.Client, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "EVERY_S", float("inf"))  # where the views are is asked each second, whatever is shown
    asked = []
    for number in (10, 1500):
        queue.enqueue_many([{"command": "true", "queue": f"q{number}-{place}"} for place in range(number)])
        queue.status()
        database.command("profile", 2)
        for path in ("/", "/queues"):
            assert operator.get(path).status_code == 200
        database.command("profile", 0)
        asked.append(database["system.profile"].count_documents({"op": {"$in": ["query", "command"]}}))
        database["system.profile"].drop()

    few, many = asked
    assert 0 < many <= few + 10


def test_a_queue_shows_its_jobs_its_pauses_and_what_comes_next(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(command="echo first", queue="mail", priority=5)
    queue.status()
    before = operator.get("/queues/mail").text
    paused = operator.post("/queues/mail/pause", data={"why": "the <b>printer</b> burns", "then": "one"})
    operator.post("/queues/mail/resume", data={"why": "it is out", "then": "one"})
    after = operator.get("/queues/mail").text

    assert "echo first" in before
    assert "No worker serves it" in before
    assert "the &lt;b&gt;printer&lt;/b&gt; burns" in paused.text
    assert paused.url.path == "/queues/mail"
    assert "While it is paused nothing is claimed" in paused.text
    assert after.index("it is out") < after.index("burns")


def test_of_the_past_a_queue_is_shown_as_it_was_and_what_is_not_kept_is_said(
    queue: Queue, operator: httpx.Client
) -> None:
    queue.enqueue(command="true", queue="mail")
    queue.pause_queue("mail", "then")
    at = is_now(queue)
    queue.resume_queue("mail")
    queue.enqueue_many([{"command": "true", "queue": "later"}] * 2)
    queue.status()

    overview = operator.get("/", params={"at": at}).text
    one = operator.get("/queues/mail", params={"at": at}).text

    assert "is not kept" in overview
    assert "later" not in overview
    assert "paused" in one
    assert '<form class="act"' not in one
    assert operator.get("/queues/later", params={"at": at}).status_code == 404


def test_of_the_past_who_waits_for_a_retry_is_not_counted_as_pending_too(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(id="one", command="true")
    queue.enqueue(id="two", command="true")
    put(queue, "one", claimed("w:1"), failed())

    overview = operator.get("/", params={"at": is_now(queue)}).text

    counted = dict(re.findall(r'<td class="number" data-label="(\w+)">(?:<a [^>]*>)?(\d+)', overview))
    assert (counted["pending"], counted["retrying"]) == ("1", "1")


def test_each_page_has_something_to_say_of_an_empty_database_and_of_a_time_that_none_is(operator: httpx.Client) -> None:
    said = {
        "/schedules": "There is no schedule yet",
        "/workers": "No worker is alive",
        "/projections": "Projections",
        "/audit": "No seal was made yet",
    }
    for path, text in said.items():
        assert text in (answer := operator.get(path)).text
        assert answer.status_code == 200
        assert operator.get(path, params={"at": "1s"}).status_code == 400  # the log is empty: there is no past yet
