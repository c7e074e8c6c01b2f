"""The list of jobs on its page: which are there, in what order, slice by slice, and what is said of a wrong filter."""

import re
from datetime import timedelta
from html import unescape

import httpx
import pytest

from eventqueue.api.queue import Queue
from eventqueue.errors import Refused
from eventqueue.web.pages import jobs
from tests.web.sites import was_at

ROW = re.compile(r'<tr data-key="([^"]+)"')
HOSTILE = "<script>alert(1)</script>"


def listed(answer: httpx.Response) -> list[str]:
    return ROW.findall(answer.text)


def test_the_list_shows_the_jobs_that_fit_the_filter_newest_first(queue: Queue, viewer: httpx.Client) -> None:
    for number in range(3):
        queue.enqueue(command="true", id=f"mail-{number}", queue="mail", tags=["red"])
    queue.enqueue(command="true", id="other")
    queue.cancel("mail-1")

    assert listed(viewer.get("/jobs")) == ["other", "mail-2", "mail-1", "mail-0"]
    assert listed(viewer.get("/jobs", params={"q": "queue:mail state:pending"})) == ["mail-2", "mail-0"]
    assert listed(viewer.get("/jobs", params={"q": "state:cancelled state:pending tag:red"})) == [
        "mail-2",
        "mail-1",
        "mail-0",
    ]
    assert "No job fits." in viewer.get("/jobs", params={"q": "tag:blue"}).text
    assert "No queue &#39;mial&#39; ever had a job (is mail meant?)" in viewer.get("/jobs?q=queue:mial").text


def test_of_each_job_it_is_told_what_it_runs_with_its_arguments_in_short(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(task="shop:send", args=["<ann>"], kwargs={"order": {"id": 7}})
    queue.enqueue(command="echo " + "x" * 1000)

    long, call = re.findall(r'<code class="run" title="([^"]*)"><bdi>(.*?)</bdi></code>', viewer.get("/jobs").text)

    assert [unescape(one) for one in call] == [
        'shop:send("<ann>", order={"id":7})',
        '<b>shop:send</b>("<ann>", order={"id":7})',
    ]
    assert [len(one) for one in long] == [400, 200]


@pytest.mark.parametrize("sort", [None, "priority"])
def test_slice_after_slice_each_job_is_shown_once(
    queue: Queue, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch, sort: str | None
) -> None:
    monkeypatch.setattr(jobs, "SLICE", 3)
    made = [queue.enqueue(command="true", queue="mail", priority=number % 2).id for number in range(8)]
    page = viewer.get("/jobs", params={"q": "queue:mail", **({"sort": sort} if sort else {})})

    seen = listed(page)
    while older := re.search(r'<a href="([^"]+)" rel="next"', page.text):
        page = viewer.get(older[1].replace("&amp;", "&"))
        assert 1 <= len(listed(page)) <= 3
        seen += listed(page)

    assert "These are all." in page.text
    assert sorted(seen) == sorted(made)
    if sort is None:
        assert seen == made[::-1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("staet:dead", "is state meant?"),
        ("state:daed", "is dead meant?"),
        ('error~"', "the quotation mark is never closed"),
        ("created>2h", "is no time"),
        ("no space", "is no condition"),
        ("nobody", "No job"),
        ("state:dead " * 1000, "4,000 characters at most"),
        (f"{HOSTILE}:x", "No job"),
    ],
)
def test_of_a_wrong_filter_is_said_what_was_expected_and_what_was_typed_is_still_there(
    viewer: httpx.Client, text: str, said: str
) -> None:
    answer = viewer.get("/jobs", params={"q": text})

    assert answer.status_code == 400
    assert said in answer.text
    assert 'aria-invalid="true" aria-describedby="search-problem"' in answer.text
    assert HOSTILE not in answer.text
    assert "Count by state" not in answer.text
    if HOSTILE not in text and '"' not in text:
        assert f'value="{text.strip()[:4000]}"'.replace(">", "&gt;") in answer.text


def test_an_id_in_the_field_of_the_search_leads_to_its_job(queue: Queue, viewer: httpx.Client) -> None:
    made = queue.enqueue(command="true").id

    found = viewer.get("/jobs", params={"q": made}, follow_redirects=False)

    assert (found.status_code, found.headers["location"]) == (303, f"/jobs/{made}")


def test_what_others_wrote_is_never_markup_and_steers_nothing(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(command=f"echo '{HOSTILE}' \u202e\x07", tags=[HOSTILE, *(f"tag-{number}" for number in range(9))])

    page = viewer.get("/jobs").text

    assert HOSTILE not in page
    assert "\u202e" not in page
    assert "\\u202e" in page
    assert "and 5 tags more" in page


def test_what_is_no_filter_is_told_of_before_and_after_it_is_asked_for(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(command="true", id="one")

    def problem_of(text: str) -> object:
        return viewer.get("/search/completions", params={"q": text, "whole": "1"}).json()["problem"]

    page = viewer.get("/jobs", params={"q": "state:ded"})

    assert problem_of("state:dead") is None
    assert problem_of("one") is None  # leads to that job
    assert "ded" in str(problem_of("state:ded"))
    assert page.status_code == 400
    assert "Waits for" in page.text
    assert "No jobs are listed" in page.text
    assert "/jobs/one" not in page.text


def test_where_too_many_would_be_looked_at_that_is_said_and_offered(
    queue: Queue, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(command="true", id="one")

    def refuse(*_: object, **__: object) -> None:
        raise Refused("7 jobs were looked at that do not fit, and there are more: --scan (scan=True) looks at all.")

    monkeypatch.setattr(Queue, "walk", refuse)
    page = viewer.get("/jobs", params={"q": "group:one"})
    monkeypatch.undo()

    assert page.status_code == 400
    assert "/jobs?q=group%3Aone&amp;scan=1" in page.text
    assert "data-still" in viewer.get("/jobs", params={"q": "group:one", "scan": "1"}).text


def test_the_list_of_a_time_that_is_past_is_as_it_was_and_its_links_stay_there(
    queue: Queue, operator: httpx.Client
) -> None:
    queue.enqueue(command="true", id="one")
    at = was_at(queue, "one")
    queue.cancel("one")
    queue.enqueue(command="true", id="two")

    then = operator.get("/jobs", params={"q": "state:pending", "at": at})
    several = operator.get("/jobs", params={"q": "state:pending state:dead", "at": at})

    assert listed(then) == ["one"]
    assert "/bulk" not in then.text
    assert "/jobs/one?at=" in then.text
    assert listed(several) == ["one"]


def test_what_a_job_waits_for_and_failed_with_is_shown(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(command="true", id="later", delay=timedelta(hours=2))
    queue.enqueue(command="true", id="held", queue="held")
    queue.pause_queue("held", "the disk is full")

    page = viewer.get("/jobs").text

    assert "in 1 h 59 min" in page
    assert 'title="the disk is full">paused<' in page


def test_while_a_filter_is_typed_what_may_stand_there_is_told_with_the_names_that_there_are(
    queue: Queue, viewer: httpx.Client
) -> None:
    queue.enqueue(command="true", queue="mail", tags=["a b", HOSTILE])
    queue.enqueue(task="shop.send")
    viewer.get("/jobs")  # which brings the views up to date

    def told(text: str) -> list[str]:
        return [one["text"] for one in viewer.get("/search/completions", params={"q": text}).json()["options"]]

    assert told("queue:ma") == ["mail "]
    assert told("state:pending tag:a") == ['"a b" ', f"{HOSTILE} "]
    assert told("task:sh") == ["shop.send "]
    assert told("worker:x") == []
    assert viewer.get("/search/completions", params={"q": "sta tag:x", "cursor": "3"}).json() == {
        "begin": 0,
        "end": 3,
        "options": [{"text": "state:", "label": "state:", "note": "in this state; several: in any"}],
    }


def test_what_takes_long_to_find_is_not_looked_for_every_second(
    viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SLOW_S", float("inf"))
    assert "data-every" not in viewer.get("/jobs").text

    monkeypatch.setattr(jobs, "SLOW_S", -1.0)

    assert 'data-every="60000"' in viewer.get("/jobs").text


def test_a_slice_is_as_large_as_is_asked_for_but_for_a_bound(
    queue: Queue, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SLICE_MAX", 3)
    queue.enqueue_many([{"command": "true"}] * 5)

    found = {n: len(listed(viewer.get("/jobs", params={"n": n}))) for n in ("2", "3", "4", "99999999", "0", "much")}

    assert found == {"2": 2, "3": 3, "4": 3, "99999999": 3, "0": 1, "much": 3}


def test_what_is_scheduled_is_asked_for_alone_and_other_states_beside_each_other(viewer: httpx.Client) -> None:
    page = unescape(viewer.get("/jobs", params={"q": "state:dead queue:mail"}).text)

    links = dict(re.findall(r'<a class="chip (\w+)" href="([^"]+)"', page))
    assert links["scheduled"] == "/jobs?q=queue%3Amail+state%3Ascheduled"
    assert links["failed"] == "/jobs?q=state%3Adead+queue%3Amail+state%3Afailed"
    assert links["dead"] == "/jobs?q=queue%3Amail"
