"""What goes wrong behind the door: whoever asks reads a sentence, who runs the page a line, and nobody a traceback."""

import logging

import httpx
import pytest

from eventqueue.api.overview import Overview
from eventqueue.errors import AccessDenied, LogUnavailable
from eventqueue.web.pages import overview


def failing(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(_: Overview) -> None:
        raise error

    monkeypatch.setattr(Overview, "status", fail)


def test_what_nobody_foresaw_is_told_in_a_sentence_and_logged_in_a_line(
    operator: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failing(monkeypatch, KeyError("mongodb://ann:secret@db/\nno such thing"))

    answer = operator.get("/?q=what-somebody-typed")

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

    assert operator.get("/").status_code == 500
    assert any(record.exc_info for record in caplog.records)


def test_a_database_that_does_not_answer_is_said_and_the_page_comes_back(
    operator: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for error, status in ((LogUnavailable("No answer."), 503), (AccessDenied("Not this user's."), 403)):
        with monkeypatch.context() as patched:
            failing(patched, error)
            answer = operator.get("/")

        assert answer.status_code == status
        assert str(error) in answer.text.replace("&#39;", "'")
    assert operator.get("/").status_code == 200
    assert caplog.records == []


def test_what_fails_while_it_is_drawn_is_told_as_well(
    operator: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(overview, "State", None)

    assert operator.get("/").status_code == 500
    assert len(caplog.records) == 1
