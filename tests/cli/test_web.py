"""`queuectl web` and `worker start --web`: where the page is, that it ends when told to, and what it says."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest

from eventqueue.api.queue import Queue
from eventqueue.system import installing
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.running import started
from tests.mongo.servers import running
from tests.patience import PATIENCE_S

TOKEN = "stays-the-same-0123456789"


@contextmanager
def served(queuectl: Queuectl, *args: str) -> "Iterator[tuple[subprocess.Popen[str], dict[str, str]]]":
    """The page, and what is told of it."""
    with started(queuectl, *(args or ("web", "--port", "0")), "--json") as process:
        assert process.stdout
        yield process, json.loads(process.stdout.readline())


def ends(process: "subprocess.Popen[str]", number: signal.Signals = signal.SIGINT) -> str:
    """Return what was written to stderr by the time that it ended, in order."""
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    return err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_with_tabs_open_that_had_their_say_and_others_that_never_had(
    queuectl: Queuectl, number: signal.Signals
) -> None:
    with served(queuectl) as (process, told), ExitStack() as opened:
        client = opened.enter_context(httpx.Client(follow_redirects=True, timeout=PATIENCE_S))
        assert "Overview" in client.get(told["operator"]).text
        tab = opened.enter_context(client.stream("GET", f"{told['page']}live"))
        lines = tab.iter_lines()
        assert next(lines).startswith("retry")
        host, port = told["page"].removeprefix("http://").rstrip("/").split(":")
        idle = opened.enter_context(socket.create_connection((host, int(port))))
        idle.send(b"GET / HT")
        gone = socket.create_connection((host, int(port)))
        gone.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        gone.close()

        err = ends(process, number)

        assert err == "! Ctrl-C ends it.\n"
        assert not any(line.startswith("event: error") for line in lines)  # it has come to its end in order


def test_the_address_is_had_by_people_scripts_and_whoever_wants_it_quiet(queuectl: Queuectl) -> None:
    for option, wanted in (("", "To look and act: http://127.0.0.1:"), ("--quiet", "http://127.0.0.1:")):
        with started(queuectl, "web", "--port", "0", *option.split()) as process:
            assert process.stdout
            first = process.stdout.readline()
            assert first.startswith(wanted)
            assert "?token=" in first
            assert (ends(process) == "") == bool(option)


def test_for_looking_only_there_is_no_address_for_who_acts(queuectl: Queuectl) -> None:
    with served(queuectl, "web", "--port", "0", "--read-only") as (process, told):
        assert told["operator"] is None
        assert httpx.get(told["viewer"], timeout=PATIENCE_S).status_code == 303
        ends(process)


def test_a_token_of_the_environment_lets_in_and_is_not_printed(queuectl: Queuectl) -> None:
    with served(queuectl.with_environ(QUEUECTL_WEB_TOKEN=TOKEN)) as (process, told):
        assert told["operator"] is None
        assert httpx.get(told["page"], params={"token": TOKEN}, timeout=PATIENCE_S).status_code == 303
        assert TOKEN not in ends(process)


def test_a_port_that_another_has_is_told_in_a_sentence(queuectl: Queuectl) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for words in (("web", "--port"), ("worker", "start", "--web", "--web-port")):
            ran = queuectl.here(*words, str(taken.getsockname()[1]))

            assert ran.code == 1
            assert is_one_sentence(ran)
            assert "cannot be had" in ran.err


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("web", "--user-header", "X-User"), "set QUEUECTL_WEB_TOKEN, QUEUECTL_WEB_VIEWER_TOKEN or both"),
        (("web", "--user-header", "Cookie"), "no header that names a user"),
        (("web", "--allow-host", "http://a/"), "is no host"),
        (("worker", "start", "--web-port", "9000"), "give --web, too"),
    ],
)
def test_what_it_cannot_do_is_told_before_anything_is_served(
    queuectl: Queuectl, args: tuple[str, ...], sentence: str
) -> None:
    ran = queuectl.here(*args)

    assert ran.code in (1, 2)
    assert is_one_sentence(ran)
    assert sentence in ran.err


def test_where_what_it_needs_is_not_installed_it_says_how(queuectl: Queuectl, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one.startswith("eventqueue.web")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)

    ran = queuectl.here("web", "--port", "0")

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert f"`{installing.command(*installing.WEB)}` installs them" in ran.err


def test_a_database_that_is_lost_is_said_and_the_page_goes_on(queuectl: Queuectl) -> None:
    with ExitStack() as opened:
        with running() as uri:
            lost = queuectl.with_environ(QUEUECTL_URI=f"{uri}&serverSelectionTimeoutMS=3000")
            lost.ok("enqueue", "--", "true")
            process, told = opened.enter_context(served(lost))
            client = opened.enter_context(httpx.Client(follow_redirects=True, timeout=PATIENCE_S))
            assert client.get(told["operator"]).status_code == 200
            tab = opened.enter_context(client.stream("GET", f"{told['page']}live"))
        answer = client.get(told["page"])
        assert answer.status_code == 503
        assert "MongoDB cannot be reached" in answer.text
        assert any("MongoDB cannot be reached" in line for line in tab.iter_lines())

        assert ends(process, signal.SIGTERM) == "! Ctrl-C ends it.\n"


def test_beside_workers_it_is_served_for_as_long_as_they_run(queuectl: Queuectl, queue: Queue) -> None:
    queue.enqueue(command="true", id="one")
    with served(queuectl, "worker", "start", "--web", "--web-port", "0") as (process, told):
        queue.wait(["one"], PATIENCE_S)
        with httpx.Client(follow_redirects=True, timeout=PATIENCE_S) as client:
            assert "completed" in client.get(told["operator"]).text
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)

    assert process.returncode == 0
    assert {json.loads(line)["event"] for line in out.splitlines()} >= {"completed", "stopped"}
    assert told["operator"] not in out + err
    with pytest.raises(httpx.ConnectError):
        httpx.get(told["page"], timeout=PATIENCE_S)
