"""The schedules: what is shown is how they stand, and what is done to them is told in the log."""

import re
from datetime import datetime

import httpx
import pytest

from eventqueue.api import scheduling
from eventqueue.api.queue import Queue
from eventqueue.audit.wanted import Wanted
from eventqueue.model.events import Recorded
from eventqueue.ports.log import EventLog
from eventqueue.schedules.schedule import Schedule
from eventqueue.ticking.ticker import Ticker
from eventqueue.web.drawing import slices
from eventqueue.web.pages import schedules
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


def test_the_next_ticks_are_told_by_the_clock_of_its_zone_too_and_as_what_they_are_while_it_is_paused(
    queue: Queue, operator: httpx.Client
) -> None:
    queue.schedule("there", {"command": "true"}, cron="30 2 * * *", tz="Asia/Tokyo")
    queue.schedule("here", {"command": "true"}, cron="30 2 * * *")

    shown = operator.get("/schedules/there").text
    assert len(re.findall(r"T17:30:00Z</time> \(\d{4}-\d\d-\d\d 02:30 in Asia/Tokyo\)", shown)) == schedules.TICKS
    assert "02:30 in" not in operator.get("/schedules/here").text
    assert "were it not paused" not in shown
    queue.pause_schedule("there")
    assert "were it not paused" in operator.get("/schedules/there").text


def test_of_very_many_the_log_is_asked_for_the_last_jobs_of_those_alone_that_are_shown(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def last_run(_: EventLog, there: Schedule, __: datetime) -> None:
        asked.append(there.name)

    monkeypatch.setattr(scheduling, "_last_run", last_run)
    for number in range(slices.SIZE + 2):
        queue.schedule(f"s-{number:03}", {"command": "true"}, every=3600)
    asked.clear()

    page = operator.get(f"/schedules?from={slices.SIZE + 1}")
    assert "s-101" in page.text
    assert asked == ["s-100", "s-101"]
    asked.clear()
    assert operator.get("/schedules/s-007").status_code == 200
    assert {*asked} == {"s-007"}


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
