"""What a job writes, sent as it writes it: the end of each stream each time, to few at once, and then it is over."""

import threading
from contextlib import suppress
from typing import Any

import httpx
import msgspec
import pytest

from eventqueue.api.following import AttemptBegan, AttemptEnded, AttemptWrote
from eventqueue.api.queue import Queue
from eventqueue.mongo.outputs import Kept
from eventqueue.web import output
from eventqueue.web.drawing.written import SHOWN_BYTES
from tests.web.sites import Site
from tests.web.test_job import dead
from tests.worker.stage import wait_until


def sent(client: httpx.Client, job_id: str) -> tuple[str, dict[str, Any]]:
    """Return the last event of a stream, which has ended."""
    *_, last = client.get(f"/jobs/{job_id}/output").text.strip().split("\n\n")
    event, data = last.split("\n")
    return event.removeprefix("event: "), msgspec.json.decode(data.removeprefix("data: "))


def test_of_a_job_that_has_ended_all_is_sent_and_then_it_is_over(queue: Queue, viewer: httpx.Client) -> None:
    dead(queue)
    queue.connection.outputs.put([Kept(job_id="one", claim=2, attempt=1, stdout=b"", stderr=b"\x1b[31moops")])

    event, shown = sent(viewer, "one")

    assert event == "over"
    assert shown["claim"] == 2
    assert shown["streams"] == [{"name": "stderr", "pieces": [["oops", "c1"]], "total": 4 + 5, "is_cut": False}]


def test_of_a_job_that_is_not_there_it_is_over_at_once_in_words(viewer: httpx.Client) -> None:
    event, shown = sent(viewer, "nowhere")

    assert event == "over"
    assert "nowhere" in shown["note"]


def test_no_more_look_on_than_a_process_can_bear(
    queue: Queue, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead(queue)
    monkeypatch.setattr(output, "WATCHED_MAX", 0)

    assert sent(viewer, "one") == ("over", {"claim": None, "note": output.FULL, "streams": []})
    assert output._looking == set()


def test_who_there_is_no_thread_for_takes_no_place_among_those_who_look_on(
    queue: Queue, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead(queue)

    def refuse(_: output.Look) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(output.Look, "start", refuse)
        with suppress(httpx.HTTPError):  # it has begun already
            viewer.get("/jobs/one/output")

    assert output._looking == set()


def test_nobody_looks_any_more_once_a_page_has_gone(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(id="one", command="true")

    with viewer.stream("GET", "/jobs/one/output"):
        wait_until(lambda: len(output._looking) == 1)

    wait_until(lambda: not output._looking)
    wait_until(lambda: all(one.name != "output" for one in threading.enumerate()))


def test_all_is_over_once_the_page_is_to_end(queue: Queue, site: Site, viewer: httpx.Client) -> None:
    queue.enqueue(id="one", command="true")

    with viewer.stream("GET", "/jobs/one/output") as answer:
        wait_until(lambda: len(output._looking) == 1)
        site.house.live.stop()

        assert answer.read() == b""


def test_who_asks_for_its_head_alone_has_that_and_nobody_looks(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(id="one", command="true")

    answer = viewer.head("/jobs/one/output")

    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/event-stream")
    assert viewer.get("/static/style.css").status_code == 200  # by the same connection, on which nothing is to come
    assert output._looking == set()


def test_however_much_is_written_the_end_is_held_and_all_of_it_counted() -> None:
    written = output.Written()
    written.take(AttemptBegan(1, 2, "w:1", "host"))
    for _ in range(100):
        written.take(AttemptWrote("stdout", b"x" * 10_000))
    written.take(AttemptWrote("stdout", b"end", lost=7))

    (stream,) = written.shown()["streams"]

    assert (stream["total"], stream["is_cut"]) == (1_000_010, True)
    assert stream["pieces"][-1].text == "end"
    written.take(AttemptWrote("stdout", b"y" * 10 * SHOWN_BYTES))
    assert len(written.shown()["streams"][0]["pieces"][0].text) == SHOWN_BYTES
    assert sum(map(len, written._tails.values())) <= 2 * SHOWN_BYTES
    written.take(AttemptEnded("completed"))
    written.take(AttemptBegan(2, 5, "w:1", "host"))
    assert written.shown()["streams"] == []
