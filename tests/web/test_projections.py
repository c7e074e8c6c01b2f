"""The page of the projections: how they are kept, and what an operator does to them, in a thread."""

import bson
import httpx

from eventqueue.api.queue import Queue
from eventqueue.web.acting.labour import Outcome, Tell
from tests.builders import append, claimed
from tests.projections.stage import live_of
from tests.web.sites import Site, is_now
from tests.web.test_audit import ended


def test_the_views_are_held_against_the_log_and_built_anew_from_the_page(
    queue: Queue, operator: httpx.Client, site: Site
) -> None:
    queue.enqueue(id="one", command="true")
    queue.status()
    before = operator.get("/projections").text
    assert "caught up" in before or "nobody at work" in before

    operator.post("/projections/verify")
    ended(site, "verify")
    assert "1 event verified, no difference" in operator.get("/projections").text

    live_of(queue.connection.ground).jobs.update_one({"_id": "one"}, {"$set": {"priority": 7}})
    operator.post("/projections/verify")
    ended(site, "verify")
    assert "1 difference" in (spoilt := operator.get("/projections").text)
    assert "jobs one" in spoilt

    operator.post("/projections/rebuild", data={"why": "it was <altered>"})
    ended(site, "rebuild")
    shown = operator.get("/projections").text
    assert "Generation 2 is live" in shown
    assert "it was &lt;altered&gt;" in shown
    assert queue.list().jobs[0].priority == 0


def test_a_parked_job_is_retried_from_the_page(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(id="one", command="true")
    ground = queue.connection.ground
    queue.status()
    (sealed,) = append("job-one", claimed(), head=ground.log.read("job-one")[-1].head).events
    spoilt = {**bson.decode(sealed.raw), "data": {"attempt": "<none>"}}
    ground.database["events"].insert_one(spoilt)
    queue.status()

    shown = operator.get("/projections").text
    again = operator.post("/projections/jobs/retry", data={"job": "one", "why": "mended"})

    assert 'href="/jobs/one"' in shown
    assert "<none>" not in shown
    assert "Job one is parked again" in again.text
    assert "parked-retried" in again.text
    assert operator.post("/projections/jobs/retry", data={"job": "two"}).status_code == 422


def test_of_the_past_only_what_was_done_to_them_is_shown(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(command="true")
    queue.rebuild_views(why="once")
    at = is_now(queue)
    queue.rebuild_views(why="twice")

    shown = operator.get("/projections", params={"at": at}).text

    assert ("once" in shown, "twice" in shown) == (True, False)
    assert "is not kept" in shown
    assert '<form class="act"' not in shown


def test_a_rebuild_that_is_stopped_leaves_nothing_and_the_next_is_whole(
    queue: Queue, operator: httpx.Client, site: Site
) -> None:
    queue.enqueue_many([{"command": "true"}] * 50)
    queue.status()
    database = queue.connection.ground.database
    before = set(database.list_collection_names())
    labours = site.house.labours

    def rebuild(tell: Tell) -> Outcome:
        labours.stop("rebuild")
        queue.rebuild_views(None, tell)
        return Outcome("It was not stopped")

    labours.start("rebuild", "The rebuild of the views", "ann", rebuild)
    ended(site, "rebuild")
    assert "It was stopped" in operator.get("/projections").text
    assert set(database.list_collection_names()) == before

    operator.post("/projections/rebuild")
    ended(site, "rebuild")
    assert "is live" in operator.get("/projections").text
    assert len(queue.list().jobs) == 50
