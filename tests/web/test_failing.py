"""What goes wrong behind the door: whoever asks reads a sentence, who runs the page a line, and nobody a traceback."""

import asyncio
import logging

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from eventqueue.api.queue import Queue
from eventqueue.errors import AccessDenied, LogUnavailable, Unavailable, redact
from eventqueue.telling import schedules
from eventqueue.web import page
from eventqueue.web.entry.door import Door
from eventqueue.web.entry.guard import OPEN, Entry, Guard
from eventqueue.web.entry.keys import Keys
from tests.web.sites import Site


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(_: Queue, **__: object) -> None:
        raise error

    monkeypatch.setattr(Queue, "schedules", fail)


def test_what_nobody_foresaw_is_told_in_a_sentence_and_logged_in_a_line(
    operator: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing(monkeypatch, KeyError("mongodb://ann:secret@db/\nno such thing"))

    answer = operator.get("/schedules?q=what-somebody-typed")

    assert answer.status_code == 500
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "Unexpected" in answer.text
    assert "KeyError" not in answer.text
    (record,) = [one for one in caplog.records if one.levelno >= logging.WARNING]
    line = record.getMessage()
    assert "KeyError" in line
    assert "secret" not in line + answer.text
    assert "typed" not in line
    assert "\n" not in line
    assert not record.exc_info


def test_with_debug_its_traceback_is_logged(
    operator: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("QUEUECTL_DEBUG", "1")
    failing(monkeypatch, KeyError("x"))

    assert operator.get("/schedules").status_code == 500
    assert any(record.exc_info for record in caplog.records)


def test_a_database_that_does_not_answer_is_said_and_the_page_comes_back(
    operator: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for error, status in (
        (LogUnavailable("No answer of mongodb://ann:secret@db."), 503),
        (AccessDenied("Not this user's."), 403),
    ):
        with monkeypatch.context() as patched:
            failing(patched, error)
            answer = operator.get("/schedules")

        assert answer.status_code == status
        assert redact(str(error)) in answer.text.replace("&#39;", "'")
        assert "secret" not in answer.text
    assert operator.get("/schedules").status_code == 200
    assert caplog.records == []


class Late:
    """A clock by which each look takes a page's time."""

    def __init__(self) -> None:
        self._now = 0.0

    def monotonic(self) -> float:
        self._now += page.ANSWERED_S
        return self._now


def test_what_takes_too_long_to_find_is_no_failure_of_the_database_and_is_not_to_be_tried_again(
    operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, LogUnavailable("MongoDB did not answer in time: try again."))
    monkeypatch.setattr(page, "time", Late())

    answer = operator.get("/schedules")

    assert answer.status_code == 422
    assert "leaves less to look through" in answer.text
    assert "did not answer" not in answer.text


def test_what_fails_while_it_is_drawn_is_told_as_well(
    queue: Queue, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    queue.schedule("hourly", {"command": "true"}, every=3600)
    monkeypatch.setattr(schedules, "runs", None)

    assert operator.get("/schedules").status_code == 500
    assert len(caplog.records) == 1


def test_an_act_that_could_not_begin_is_not_asked_for_again_by_itself(
    site: Site, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_away() -> None:
        raise Unavailable("mongodb://ann:secret@db does not answer.")

    monkeypatch.setattr(site.house.queue.connection.ground.clock, "now", is_away)

    answer = operator.post("/queues/mail/pause?q=1")

    assert answer.status_code == 503
    assert ("refresh" in answer.headers, 'href="/">Go on<' in answer.text) == (False, True)
    assert "secret" not in answer.text


def test_a_page_waits_for_the_database_so_long_and_then_says_so(
    operator: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "ANSWERED_S", 0.000_001)

    answer = operator.get("/jobs")

    assert (answer.status_code, "leaves less to look through" in answer.text) == (422, True)


def test_what_fails_in_the_midst_of_an_answer_is_logged_and_no_second_answer_is_sent(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    async def half(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise KeyError("x")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    guard = Guard(half, Entry(Keys("viewer", None), ["here"], "cookie"), Door(site.house.templates))
    scope: Scope = {
        "type": "http",
        "method": "GET",
        "path": f"{OPEN}x",
        "raw_path": b"/x",
        "query_string": b"",
        "headers": [(b"host", b"here")],
    }
    asyncio.run(guard(scope, receive, send))

    assert [one["type"] for one in sent] == ["http.response.start"]
    assert len(caplog.records) == 1
