"""A job's history as a file: the lines that the command line prints, by now and by then, however many they are."""

import socket
from threading import BoundedSemaphore
from typing import Any

import httpx
import pytest
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.model.events import EMPTY, LateResult
from eventqueue.mongo import timeline
from eventqueue.mongo.log import MongoLog
from eventqueue.web import sending
from eventqueue.web.pages import job_history
from tests.builders import append, claimed
from tests.cli.commands import Queuectl
from tests.cli.conftest import environ
from tests.patience import PATIENCE_S
from tests.web.sites import Site, was_at
from tests.web.test_job import put

PATH = "/jobs/one/history.jsonl"


@pytest.fixture
def queuectl(server_uri: str, database: Database[dict[str, Any]]) -> Queuectl:
    return Queuectl(environ(server_uri, database.name))


def test_it_is_byte_for_byte_what_the_command_line_prints_by_now_and_by_then(
    queue: Queue, viewer: httpx.Client, queuectl: Queuectl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_history, "PART", 700)
    queue.enqueue(id="one", command="echo '<script>\u202e'", env={"TOKEN": "hunter2"})
    queue.enqueue(id="another", command="true")
    for number in range(4):
        queue.amend("one", priority=number + 1)
    at = was_at(queue, "one")
    put(queue, "one", claimed("w:1"))
    late = LateResult(claim=1, outcome="completed", worker="w:0", data={})
    now = queue.connection.ground.clock.now()
    queue.connection.ground.log.append([append("late-one", late, head=EMPTY, now=now)])

    whole, then = viewer.get(PATH), viewer.get(PATH, params={"at": at})

    assert whole.text == queuectl.here("events", "--job", "one", "--json").out
    assert then.text == queuectl.here("events", "--job", "one", "--until", at, "--json").out
    assert len(whole.text.splitlines()) == 7
    assert "hunter2" not in whole.text
    assert "\u202e" not in whole.text
    assert whole.text.startswith(then.text)
    assert len(then.text) < len(whole.text)
    assert whole.headers["content-type"] == "application/x-ndjson"
    assert whole.headers["content-disposition"] == 'attachment; filename="one.history.jsonl"'
    assert whole.headers["x-content-type-options"] == "nosniff"


def test_what_cannot_be_read_has_its_line_and_the_page_leads_there(
    queue: Queue, viewer: httpx.Client, database: Database[Any], queuectl: Queuectl
) -> None:
    queue.enqueue(id="one", command="true")
    queue.amend("one", priority=1)
    assert f'href="{PATH}" download' in viewer.get("/jobs/one").text
    database["events"].update_one({"_id": {"stream": "job-one", "version": 1}}, {"$set": {"schema": 99}})

    found = viewer.get(PATH)

    assert found.text == queuectl.here("events", "--job", "one", "--json").out
    assert '"problem"' in found.text
    assert f'href="{PATH}" download' in viewer.get("/jobs/one").text


def test_of_a_job_that_is_not_there_or_was_not_a_page_says_so(queue: Queue, viewer: httpx.Client) -> None:
    queue.enqueue(id="before", command="true")
    at = was_at(queue, "before")
    while queue.connection.ground.clock.now().isoformat() <= at:
        pass
    queue.enqueue(id="one", command="true")

    assert viewer.get("/jobs/none/history.jsonl").status_code == 404
    assert "was not there yet" in viewer.get(PATH, params={"at": at}).text
    odd = viewer.get("/jobs/%0D%0Ax%22%F0%9F%98%80/history.jsonl")
    assert odd.status_code == 404


def test_of_a_long_one_little_is_held_at_once(
    queue: Queue, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(id="one", command="true")
    for number in range(4):
        queue.amend("one", command=f"{number}" * 1000)
    whole, read, held = viewer.get(PATH).content, MongoLog.read_part, []

    def noted(*args: Any, **options: Any) -> list[bytes]:
        held.append(found := read(*args, **options))
        return found

    monkeypatch.setattr(MongoLog, "read_part", noted)
    monkeypatch.setattr(timeline, "SLICE_BYTES", 2000)

    assert viewer.get(PATH).content == whole
    assert max(sum(map(len, part)) for part in held) < 5000 < len(whole)


def test_few_are_sent_at_once_and_who_does_not_take_it_is_let_go(
    queue: Queue, site: Site, viewer: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(id="one", command="true")
    for number in range(60):
        queue.amend("one", command=f"{number}" + "x" * 100_000)  # more than fits between the two ends
    monkeypatch.setattr(sending, "_room", room := BoundedSemaphore(1))
    monkeypatch.setattr(sending, "SILENT_S", 0.5)
    host, port = site.url.removeprefix("http://").split(":")
    cookies = "; ".join(f"{name}={value}" for name, value in viewer.cookies.items())

    assert viewer.head(PATH).status_code == 200
    with socket.socket() as another:
        another.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        another.connect((host, int(port)))
        another.sendall(f"GET {PATH} HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: {cookies}\r\n\r\n".encode())
        another.recv(100)
        refused = viewer.get(PATH)
        assert room.acquire(timeout=PATIENCE_S)
        room.release()

        assert refused.status_code == 503
        assert "So many files are being sent" in refused.text
        assert len(viewer.get(PATH).text.splitlines()) == 61
