"""The workers: those that live, those that were, and what each held."""

import httpx

from eventqueue.api.queue import Queue
from eventqueue.model.lives import WorkerLeft, WorkerLost, WorkerStarted, WorkerStopAsked
from tests.travel.test_gone import told
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
