"""The socket that the page is served on."""

import asyncio
import errno
import os
import socket
import threading

import httpx
import pytest

from eventqueue.web.entry import patience
from eventqueue.web.pushed import SIGN
from eventqueue.web.server import Crowd, listen
from tests.patience import PATIENCE_S
from tests.web.sites import Site


def test_what_is_small_is_sent_at_once_and_not_after_what_was_before_it_has_come() -> None:
    # As asyncio has it: with no protocol named it leaves Nagle's algorithm on, and each answer takes 40 ms more.
    with listen("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_that_no_file_is_left_for_who_comes_is_told_once_in_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    # As asyncio has it each try to accept, a hundred in a row, would be a traceback.
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        loop.set_exception_handler(Crowd())
        for _ in range(100):
            full = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            loop.call_exception_handler({"message": "socket.accept() out of system resource", "exception": full})
        told = [one.getMessage() for one in caplog.records]
        loop.call_exception_handler({"message": "another", "exception": ValueError("it")})

    assert told == ["nobody else can come to the page for now (Too many open files): fewer tabs, or more files"]
    assert "another" in caplog.text, "what is something else is told as ever"


@pytest.mark.usefixtures("operator")  # who has been answered, so that the loop is there
def test_the_loop_of_the_page_tells_by_that(site: Site) -> None:
    loop = site.house.live._loop

    assert loop is not None
    assert isinstance(loop.get_exception_handler(), Crowd)


ASKED = "GET /static/style.css HTTP/1.1\r\nHost: {}\r\n\r\n"


@pytest.mark.parametrize(
    "sent", ["", "GET / HTT", ASKED, ASKED + "GET /"], ids=["no", "half a", "one", "one and a half"]
)
def test_who_does_not_ask_to_the_end_is_let_go_after_a_while(
    site: Site, monkeypatch: pytest.MonkeyPatch, sent: str
) -> None:
    # Else a thousand of them, from whoever is on this machine, leave no place to others for as long as they like.
    monkeypatch.setattr(patience, "SILENT_S", 0.05)
    host, port = site.url.removeprefix("http://").rstrip("/").split(":")

    with socket.create_connection((host, int(port)), PATIENCE_S) as connection:
        connection.sendall(sent.format(f"{host}:{port}").encode())
        while connection.recv(65536):
            pass


def test_who_looks_on_is_not_let_go(site: Site, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "SILENT_S", 0.05)
    let_go = threading.Event()
    timed = patience.Patient._let_go

    def noted(self: patience.Patient) -> None:
        timed(self)
        if self.cycle is not None and not self.cycle.response_complete:
            let_go.set()

    monkeypatch.setattr(patience.Patient, "_let_go", noted)
    with (
        httpx.Client(base_url=site.url, cookies=operator.cookies, timeout=PATIENCE_S) as another,
        another.stream("GET", "/live") as live,
    ):
        coming = live.iter_raw()
        next(coming)
        assert let_go.wait(PATIENCE_S)
        site.house.live._tell()
        while SIGN not in next(coming):
            pass
