"""The schedules: what is shown is how they stand, and what is done to them is told in the log."""

import httpx

from eventqueue.api.queue import Queue
from eventqueue.audit.wanted import Wanted
from eventqueue.model.events import Recorded
from eventqueue.ticking.ticker import Ticker
from tests.web.sites import is_now

HOSTILE = "<img src=x onerror=alert(1)> \u202e\x1b[31m"


def test_a_schedule_is_shown_with_its_next_ticks_its_jobs_and_what_was_done_to_it(
    queue: Queue, operator: httpx.Client
) -> None:
    queue.schedule(
        "nightly", {"command": f"echo {HOSTILE}", "env": {"TOKEN": "s3cret"}}, every=1, missed="all", why=HOSTILE
    )
    connection = queue.connection
    assert "nightly" in operator.get("/schedules").text
    ticker = Ticker(connection.ground, connection.signals, "ticker/test", {})
    while not queue.list().jobs:
        ticker.step()
        queue.status()

    listed, shown = operator.get("/schedules").text, operator.get("/schedules/nightly").text

    assert "every 1" in listed
    assert 'class="state pending"' in listed
    assert "/jobs/nightly%3A" in shown
    assert "schedule-set" in shown
    for text in (listed, shown):
        assert "s3cret" not in text
        assert "<img src=x" not in text
        assert "\u202e" not in text
        assert "\x1b" not in text
    assert "•••" in shown


def test_a_schedule_is_triggered_paused_resumed_and_removed_from_its_page(queue: Queue, operator: httpx.Client) -> None:
    queue.schedule("poll", {"command": "true"}, every=3600)

    triggered = operator.post("/schedules/poll/trigger", data={"why": "at once"})
    (job,) = queue.list().jobs
    assert f"Job added: {job.id}" in triggered.text
    assert "at once" in triggered.text
    assert "Schedule poll is paused" in operator.post("/schedules/poll/pause", data={"why": "later"}).text
    assert queue.get_schedule("poll").pause is not None
    assert "Schedule poll is resumed" in operator.post("/schedules/poll/resume").text
    removed = operator.post("/schedules/poll/remove", data={"why": "done with"})
    assert removed.url.path == "/schedules"
    assert "There is no schedule yet" in removed.text
    done = [one.actor for one in queue.events(Wanted(streams=("schedule-poll",))) if isinstance(one, Recorded)]
    assert all(actor.startswith("web/") for actor in done[1:])
    assert len(done) == 5
    assert "No schedule" in operator.get("/schedules/poll").text


def test_of_the_past_those_are_shown_that_there_were_and_no_act_is_offered(
    queue: Queue, operator: httpx.Client
) -> None:
    queue.schedule("old", {"command": "true"}, every=3600)
    at = is_now(queue)
    queue.remove_schedule("old")
    queue.schedule("new", {"command": "true"}, every=3600)

    listed = operator.get("/schedules", params={"at": at}).text
    shown = operator.get("/schedules/old", params={"at": at})

    assert ("old" in listed, '/schedules/new"' in listed) == (True, False)
    assert "not told of a time that is past" in listed
    assert shown.status_code == 200
    assert '<form class="act"' not in shown.text
    assert "schedule-removed" not in shown.text
    assert operator.get("/schedules/new", params={"at": at}).status_code == 422
