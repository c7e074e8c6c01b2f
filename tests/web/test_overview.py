"""The overview and the queues: what they show is what the API does, at one position of the log, and bounded."""

import re
from typing import Any

import httpx
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.web.kept import SHARE, Kept, Seen
from tests.web.sites import is_now


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
    assert "q0000" not in second
    assert named.count('<tr data-key="q') == 10


def test_many_queues_are_shown_with_as_many_questions_as_few(
    queue: Queue, operator: httpx.Client, database: Database[dict[str, Any]]
) -> None:
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


def test_what_several_tabs_ask_for_is_found_out_once_for_where_the_views_stand() -> None:
    positions, found = [1], []
    kept = Kept(lambda: positions[-1])

    def find() -> int:
        found.append(positions[-1])
        return len(found)

    assert [kept.get("glance", find).found for _ in range(3)] == [1, 1, 1]
    positions.append(2)
    assert (kept.get("glance", find), found) == (Seen(2, is_old=False), [1, 2])
    kept.forget()
    assert kept.get("glance", find).found == 3


def test_what_takes_long_is_given_to_tabs_as_it_was_and_said_to_be_old() -> None:
    now, positions = [100.0], [1]
    kept = Kept(lambda: positions[-1], lambda: True, lambda: now[0])

    def find() -> int:
        now[0] += 1.0
        return positions[-1]

    assert kept.get("glance", find) == Seen(1, is_old=False)
    positions.append(2)
    now[0] += SHARE - 1
    assert kept.get("glance", find) == Seen(1, is_old=True)
    now[0] += 1
    assert kept.get("glance", find) == Seen(2, is_old=False)


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
