"""What cannot be read of what people have set is told on the page that depends on it, where one would look for it."""

import re

import bson
import httpx
import pytest

from eventqueue.api.queue import Queue
from eventqueue.cli.checks import LOOKS
from eventqueue.model.events import Paused
from eventqueue.model.fingerprint import fingerprint
from eventqueue.model.ignoring import Ignored
from eventqueue.schedules.events import SchedulePaused
from tests.cli.past import died
from tests.cli.test_unreadable_events import put_spoilt
from tests.web.sites import is_now


def test_of_an_event_of_what_is_ignored_among_the_dead_letters(queue: Queue, operator: httpx.Client) -> None:
    of = fingerprint("exit code 1: user 7 is gone")
    queue.enqueue(command="true", id="one", max_retries=0)
    died(queue, "one", "exit code 1: user 7 is gone")
    queue.ignore_errors(of)
    put_spoilt(
        queue, f"ignore-{of}", Ignored(like="another"), lambda event: bson.encode({**event, "data": {"like": 7}})
    )

    with pytest.warns(UserWarning, match="stay ignored"):
        now = operator.get("/dead").text

    then = operator.get("/dead", params={"at": later(queue)}).text
    for text in (now, then):
        assert f'<p class="problem"><bdi>Errors of kind {of} stay ignored, as they were' in text
    with pytest.warns(UserWarning, match="stay ignored"):
        queue.ignore_errors(of)
    assert 'class="problem"' not in operator.get("/dead").text


def test_of_an_event_of_a_pause_at_its_queue(queue: Queue, operator: httpx.Client) -> None:
    queue.pause_queue("mail")
    queue.resume_queue("mail")
    put_spoilt(queue, "queue-mail", Paused(), lambda event: bson.encode({**event, "data": {"why": 7}}))

    with pytest.warns(UserWarning, match="stays open"):
        pages = [operator.get(path).text for path in ("/", "/queues", "/queues/mail")]

    at = later(queue)
    pages += [operator.get(path, params={"at": at}).text for path in ("/queues", "/queues/mail")]
    for page in pages:
        assert re.search(r"<bdi>Queue mail stays open, as it was before an event that is passed over", page)
    with pytest.warns(UserWarning, match="stays open"):
        assert "Queue mail is paused" in operator.post("/queues/mail/pause").text
    assert "passed over" not in operator.get("/queues").text


def test_of_an_event_of_a_schedule_at_it_and_by_doctor(queue: Queue, operator: httpx.Client) -> None:
    queue.schedule("beat", {"command": "true"}, every=3600)
    put_spoilt(queue, "schedule-beat", SchedulePaused(), lambda event: bson.encode({**event, "data": {"why": 7}}))

    with pytest.warns(UserWarning, match="stays as it was"):
        pages = [operator.get(path).text for path in ("/schedules", "/schedules/beat")]
    with pytest.warns(UserWarning, match="stays as it was"):
        found, _ = LOOKS["settings"](queue)

    for told in (*pages, found):
        assert "Schedule beat stays as it was before an event that is passed over" in told
    with pytest.warns(UserWarning, match="stays as it was"):
        operator.post("/schedules/beat/resume")
    assert "passed over" not in operator.get("/schedules").text


def later(queue: Queue) -> str:
    """Return a moment behind all that was put there."""
    queue.enqueue(command="true", id="later")
    return is_now(queue)
