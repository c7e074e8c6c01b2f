"""The audit's page: what this process has verified, the seals, and who did what, slice after slice."""

import re
import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from bson.timestamp import Timestamp

from eventqueue.api.queue import Queue
from eventqueue.api.sealing import Seals
from eventqueue.ports.views import Filter
from eventqueue.sealing.signing import create, load
from eventqueue.web.drawing import trail
from tests.builders import append
from tests.patience import PATIENCE_S
from tests.web.sites import Site, is_now, was_at


def ended(site: Site, kind: str) -> None:
    """Wait for a work of the page's process."""
    thread = site.house.labours._threads.get(kind)
    if thread is not None:
        thread.join(PATIENCE_S)


def rows(text: str) -> list[str]:
    return re.findall(r'<tr data-key="([a-z]+-[^"]* \d+)">', text)


def test_an_audit_is_run_from_the_page_and_what_it_found_is_shown_as_this_process_found_it(
    queue: Queue, operator: httpx.Client, site: Site
) -> None:
    queue.enqueue(id="one", command="true")
    queue.status()
    assert "This process has verified nothing yet" in operator.get("/audit").text

    assert "has begun" in operator.post("/audit/verify", data={"of": "all"}).text
    ended(site, "audit")
    sound = operator.get("/audit").text
    queue.connection.ground.database["events"].update_one({"_id.stream": "job-one"}, {"$set": {"actor": "<i>me</i>"}})
    operator.post("/audit/verify", data={"of": "all"})
    ended(site, "audit")
    spoilt = operator.get("/audit").text

    assert "1 job, 1 event verified, nothing found" in sound
    assert "No audit is recorded in the log" in sound
    assert "Wrong in the log" in spoilt
    assert "job-one version 1" in spoilt
    assert "<i>me</i>" not in spoilt


def test_the_last_seals_are_shown_with_who_signed_them(
    queue: Queue, operator: httpx.Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert "No seal was made yet" in operator.get("/audit").text
    path = str(tmp_path_factory.mktemp("keys") / "seal.key")
    public = create(path).public.hex()
    queue.enqueue(command="true")
    Seals(queue.connection).seal(load(path))

    shown = operator.get("/audit").text

    assert public[:16] in shown
    assert "not by" not in shown


def test_of_a_queue_that_there_is_not_it_is_said_beside_the_empty_list(queue: Queue, operator: httpx.Client) -> None:
    queue.enqueue(command="true", queue="mail")
    queue.pause_queue("mail")
    queue.status()

    misspelt, sound = (operator.get("/audit", params={"queue": name}).text for name in ("mial", "mail"))

    assert "No queue &#39;mial&#39; ever had a job (is mail meant?)" in misspelt
    assert "No queue" not in sound
    assert operator.get("/audit", params={"what": "enqueud"}).status_code == 400


def test_what_people_did_is_told_and_not_what_workers_do_by_themselves(queue: Queue, operator: httpx.Client) -> None:
    job = queue.enqueue(id="one", command="true").id
    queue.cancel(job, "<script>alert(1)</script>\u202e")
    queue.pause_queue("mail", "full")
    queue.status()

    acts, everything = operator.get("/audit").text, operator.get("/audit", params={"what": "all"}).text
    one = operator.get("/audit", params={"what": "cancelled", "actor": "TEST", "queue": "default"}).text

    assert [key.split("-")[0] for key in rows(acts)] == ["queue", "job"]
    assert len(rows(everything)) == 3
    assert len(rows(one)) == 1
    assert "<script>alert" not in acts
    assert "\u202e" not in acts
    assert operator.get("/audit", params={"what": "nonsense"}).status_code == 400
    assert operator.get("/audit", params={"since": "whenever"}).status_code == 400


def test_slice_after_slice_each_event_is_shown_once(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "SIZE", 7)
    queue.enqueue_many([{"command": "true"}] * 20)  # most of one moment
    seen: list[str] = []
    text = operator.get("/audit", params={"what": "all"}).text
    seen += rows(text)
    while link := re.search(r'href="([^"]*)" rel="next">Older', text):
        text = operator.get(link[1].replace("&amp;", "&")).text
        seen += rows(text)

    assert len(seen) == len(set(seen)) == 20


def test_events_of_one_second_whose_times_cross_are_each_shown_once(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "SIZE", 3)
    begin = datetime(2026, 11, 28, 12, tzinfo=UTC)
    events = queue.connection.ground.database["events"]
    for place, tenth in enumerate((5, 0, 9, 3, 3, 7, 1, 8, 2, 6, 4, 9)):  # as several writers' clocks have it
        queue.connection.ground.log.append([append(f"queue-{place}", now=begin + timedelta(milliseconds=100 * tenth))])
        events.update_one(
            {"_id.stream": f"queue-{place}"}, {"$set": {"ts": Timestamp(int(begin.timestamp()), place + 1)}}
        )

    for more in ({}, {"until": (begin + timedelta(milliseconds=600)).isoformat()}):
        seen: list[str] = []
        text = operator.get("/audit", params={"what": "all", **more}).text
        seen += rows(text)
        while link := re.search(r'href="([^"]*)" rel="next">Older', text):
            text = operator.get(link[1].replace("&amp;", "&")).text
            assert len(rows(text)) <= 3
            seen += rows(text)

        assert len(seen) == len(set(seen)) == (8 if more else 12)


def test_a_place_that_is_not_there_begins_a_slice_from_the_first_event(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trail, "SIZE", 7)
    queue.enqueue_many([{"command": "true"}] * 20)
    everything = {"what": "all"}

    first = rows(operator.get("/audit", params=everything).text)

    assert rows(operator.get("/audit", params={**everything, "after": "job-nowhere@1"}).text) == first


def test_a_slice_looks_at_a_bounded_part_of_the_log_and_says_so(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.pause_queue("mail", "long ago")
    queue.enqueue_many([{"command": "true"}] * 50)
    monkeypatch.setattr(trail, "LOOKED_MAX", 20)
    monkeypatch.setattr("eventqueue.mongo.timeline.WINDOW", 10)

    shown = operator.get("/audit").text

    assert "None among the newest 20 events" in shown
    assert "long ago" not in shown


@pytest.fixture
def cancelled(queue: Queue) -> str:
    queue.enqueue_many([{"command": "true", "queue": "mail"}] * 3)
    queue.status()
    return queue.cancel_all(Filter(queue="mail"), "nobody reads it").id or ""


def test_an_act_on_many_jobs_is_shown_with_its_sum_and_its_jobs(
    queue: Queue, operator: httpx.Client, cancelled: str
) -> None:
    at, before = is_now(queue), was_at(queue, next(iter(queue.list(Filter(queue="mail")))).id, 0)
    queue.enqueue(command="true", queue="mail")

    shown = operator.get(f"/audit/acts/{cancelled}").text
    then = operator.get(f"/audit/acts/{cancelled}", params={"at": at}).text

    for text in (shown, then):
        assert "nobody reads it" in text
        assert "queue:mail" in text
        assert [key.split("-")[0] for key in rows(text)] == ["job"] * 3
    told = operator.get("/audit").text
    assert [key.split("-")[0] for key in rows(told)] == ["act", "act"]  # and not each of its jobs beside it
    assert f'href="/audit/acts/{cancelled}"' in told
    assert "No act" in operator.get("/audit/acts/none").text
    early = operator.get(f"/audit/acts/{cancelled}", params={"at": before})
    assert (early.status_code, "was not begun by then" in early.text) == (404, True)


def test_of_the_past_there_are_the_seals_and_the_events_of_then(
    queue: Queue, operator: httpx.Client, viewer: httpx.Client
) -> None:
    queue.pause_queue("mail", "before")
    at = is_now(queue)
    queue.resume_queue("mail", "afterwards")

    shown = operator.get("/audit", params={"at": at}).text

    assert "before" in shown
    assert "afterwards" not in shown
    assert "No audit is recorded in the log: of then there are" in shown
    assert 'action="/audit/verify"' not in shown
    assert 'action="/audit/verify"' not in viewer.get("/audit").text


def test_two_audits_at_a_time_are_one_too_many_and_one_is_stopped_from_the_page(
    queue: Queue, operator: httpx.Client, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(command="true")
    may_end = threading.Event()
    real = Queue.verify_all

    def held(self: Queue, tell: object, **more: object) -> object:
        assert may_end.wait(PATIENCE_S)
        return real(self, tell, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Queue, "verify_all", held)
    operator.post("/audit/verify", data={"of": "all"})

    shown = operator.get("/audit").text
    again = operator.post("/audit/verify", data={"of": "all"})
    stopped = operator.post("/labours/audit/stop", data={"then": "/audit"})
    may_end.set()
    ended(site, "audit")

    assert "<progress" in shown
    assert "data-again" in shown
    assert (again.status_code, "goes on, begun by" in again.text) == (422, True)
    assert "is told to stop" in stopped.text
    assert "It was stopped" in operator.get("/audit").text
