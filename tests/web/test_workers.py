"""The workers: those that live, those that were, and what each held."""

import re
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import httpx
import pytest

from eventqueue.api.queue import Queue
from eventqueue.model.envelope import VERSION_MAX
from eventqueue.model.lives import WorkerLeft, WorkerLost, WorkerStarted, WorkerStopAsked
from eventqueue.telling import workers as telling
from eventqueue.web.kept import RARE, SHARE, Kept, Seen
from eventqueue.web.pages import workers
from tests.travel.test_gone import claim, told
from tests.travel.test_ran import settle
from tests.web.sites import is_now
from tests.worker.crew import Start


def test_of_a_worker_that_lives_is_shown_what_it_runs_and_it_is_stopped_from_its_page(
    queue: Queue, operator: httpx.Client, work: Start
) -> None:
    job = queue.enqueue(command="sleep 60").id
    work()
    moves = queue.follow()
    while not any(one.running for one in queue.workers()):
        next(moves)
    (worker,) = queue.workers()

    listed, shown = operator.get("/workers").text, operator.get(f"/workers/{worker.id}").text
    asked = operator.post(f"/workers/{worker.id}/stop", data={"grace": "0", "why": "the machine goes"})

    assert worker.id in listed
    for text in (listed, shown):
        assert job in text
    assert "1 worker is asked to leave" in asked.text
    assert "the machine goes" in asked.text


def test_a_grace_that_is_no_number_and_a_worker_that_is_not_there_are_refused(operator: httpx.Client) -> None:
    assert operator.post("/workers/stop", data={"grace": "soon"}).status_code == 400
    assert operator.post("/workers/nobody/stop").status_code == 422
    assert operator.get("/workers/nobody").status_code == 404
    assert "No worker is alive" in operator.get("/workers").text


def test_of_a_worker_that_was_is_shown_what_it_held_what_became_of_it_and_who_told(
    queue: Queue, operator: httpx.Client
) -> None:
    started = WorkerStarted(name="1", host="<b>web-1</b>", pid=7, concurrency=2, lease=30.0)
    queue.enqueue(id="one", command="true")
    queue.status()
    told(queue, "web-1:a", started, WorkerLost(seen_dead=True, held=("one", "unknown")))
    told(queue, "web-1:b", started, WorkerStopAsked(why="it moves"), WorkerLeft())

    listed, lost = operator.get("/workers").text, operator.get("/workers/web-1:a").text
    left = operator.get("/workers/web-1:b").text

    assert "seen dead, told by supervisor/web-1" in listed
    assert "asked by supervisor/web-1: it moves" in listed
    assert "It was lost" in lost
    assert 'href="/jobs/one"' in lost
    assert 'class="state pending"' in lost
    assert "worker-lost" in lost
    assert "It has left" in left
    assert "<b>web-1</b>" not in listed + lost + left


def test_for_one_that_lives_or_ended_long_ago_nobody_looks_through_those_that_are_gone(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = WorkerStarted(name="1", host="web-1", pid=7, concurrency=2, lease=30.0)
    told(queue, "web-1:a", started, WorkerLost(seen_dead=True, held=("one",)))

    def look(*_: object) -> None:
        raise AssertionError("There are very many, perhaps.")

    monkeypatch.setattr(Queue, "workers_gone", look)
    monkeypatch.setattr(telling, "WITHIN", timedelta(minutes=-10))  # all is long ago

    shown = operator.get("/workers/web-1:a")

    assert shown.status_code == 200
    assert "It was lost" in shown.text
    assert "seen dead, told by supervisor/web-1" in shown.text
    assert "/jobs/one" in shown.text


def test_of_the_past_those_are_shown_that_there_were(queue: Queue, operator: httpx.Client) -> None:
    started = WorkerStarted(name="1", host="web-1", pid=7, concurrency=2, lease=30.0)
    told(queue, "web-1:a", started)
    at = is_now(queue)
    told(queue, "web-1:a", WorkerLeft())

    listed = operator.get("/workers", params={"at": at}).text
    shown = operator.get("/workers/web-1:a", params={"at": at}).text

    assert "1 alive" in listed
    assert "is not kept" in listed
    assert "worker-started" in shown
    assert "worker-left" not in shown


def test_whatever_is_in_a_name_the_page_leads_to_itself_at_another_time(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(command="true")

    assert 'href="/workers/a%3Fb%23c%25d?at=' in operator.get("/workers/a%3Fb%23c%25d").text


def test_a_worker_leads_to_what_it_ran_slice_after_slice_now_and_then(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "RAN", 2)
    monkeypatch.setattr(workers, "EVENTS", 2)
    started = WorkerStarted(name="1", host="web-1", pid=7, concurrency=2, lease=30.0)
    told(queue, "web-1:a", started, WorkerStopAsked(why="first"), WorkerStopAsked(why="second"))
    for number in range(3):
        queue.enqueue(id=f"job-{number}", command=f"echo '<b>{number}</b>'", queue="mail")
        claim(queue, f"job-{number}", "web-1:a")
    at = is_now(queue)
    settle(queue, "job-2", well=False)

    newest = operator.get("/workers/web-1:a").text
    (older,) = re.findall(r'href="(/workers/web-1%3Aa\?before=[^"]*)#ran"', newest)
    (earlier,) = re.findall(r'href="(/workers/web-1%3Aa\?life=[^"]*)#life"', newest)
    rest, life = operator.get(unescape(older)).text, operator.get(earlier).text
    then = operator.get("/workers/web-1:a", params={"at": at}).text

    assert rows_of(newest) == ["job-2 2", "job-1 2"]
    assert rows_of(rest) == ["job-0 2"]
    assert 'class="outcome failed"' in newest
    assert 'class="outcome failed"' not in then
    assert rows_of(then) == ["job-2 2", "job-1 2"]
    assert "echo &#39;&lt;b&gt;2&lt;/b&gt;&#39;" in newest
    assert "/jobs/job-2?claim=2#output" in newest
    assert "second" in newest
    assert "worker-started" not in newest
    assert "worker-started" in life
    assert "worker-stop-asked" not in life  # which ends the slice before
    assert 'href="/jobs/job-0"' not in newest
    assert operator.get("/workers/web-1:a", params={"before": "nowhere"}).status_code == 400
    for wrong in ("x", "-1", str(VERSION_MAX + 1), "9" * 5000):
        assert operator.get("/workers/web-1:a", params={"life": wrong}).status_code == 400
    assert operator.get("/workers/web-1:a", params={"life": str(VERSION_MAX)}).status_code == 200
    assert "Nothing before that" in operator.get("/workers/web-1:a", params={"before": "1.1"}).text


def rows_of(text: str) -> list[str]:
    """Return the keys of what a worker ran, in order."""
    section = text.partition('data-key="ran"')[2].partition("</section>")[0]
    return re.findall(r'<tr data-key="([^"]*)"', section)


def test_what_it_ran_is_looked_for_more_seldom_than_the_rest_of_its_page_and_of_older_slices_none_is_kept(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(queue, "web-1:a", WorkerStarted(name="1", host="web-1", pid=7, concurrency=2, lease=30.0))
    shares: dict[object, int] = {}
    get = Kept.get

    def noted(self: Kept, key: object, find: Callable[[], Any], share: int = SHARE) -> Seen[Any]:
        shares[key] = share
        return get(self, key, find, share)

    monkeypatch.setattr(Kept, "get", noted)
    newest = operator.get("/workers/web-1:a").text
    kept = {*shares}
    older = operator.get("/workers/web-1:a", params={"before": "1.1"}).text

    assert (shares["ran", "web-1:a"], shares["glance"]) == (RARE, SHARE)
    assert {*shares} == kept
    assert "data-still" in older  # so it is not asked for again by itself
    assert "data-still" not in newest
