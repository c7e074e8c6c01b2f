"""Whoever tells something never waits for whoever reads it, who in turn learns what he missed."""

import errno
import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from eventqueue.system.logged import TextForm
from eventqueue.system.outlet import LINES_MAX, WRITE_BYTES, Handler, Outlet
from tests.patience import PATIENCE_S

FLOOD = 3 * LINES_MAX
LINE = b"x" * 40 + b"\n"  # so long that neither a pipe nor the queue takes them all


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def outlet(fd: int) -> Outlet:
    return Outlet(fd, lambda count: f"LOST {count}\n".encode())


def read_until_told(readable: int) -> list[bytes]:
    shown = b""
    while b"LOST" not in shown:
        shown += os.read(readable, 65536)
    return shown.splitlines()


def test_who_tells_never_waits_and_what_was_not_read_is_counted(pipe: tuple[int, int]) -> None:
    one = outlet(pipe[1])
    for number in range(FLOOD):
        one.put(b"line %d\n" % number)  # would never return, if it waited

    shown, seen = b"", 0
    while seen < FLOOD:
        shown += os.read(pipe[0], 65536)
        *lines, shown = shown.split(b"\n")
        for line in lines:
            kind, figure = line.split()
            # Each gap is told where it is, and how many are missing.
            seen = seen + int(figure) if kind == b"LOST" else seen + 1
            assert kind == b"LOST" or line == b"line %d" % (seen - 1)
    one.close()


def test_a_gap_is_told_where_it_is_though_more_was_told_since(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.system.outlet.LINES_MAX", 4)
    one = outlet(pipe[1])
    with one._news:  # nothing is written meanwhile
        for number in range(6):
            one.put(b"line %d\n" % number)
        one._lines.clear()  # as if they had been written
        one.put(b"line 6\n")
    one.close()

    assert os.read(pipe[0], 100) == b"LOST 2\nline 6\n"


def test_what_is_told_last_is_written_where_there_is_room_however_late_it_is(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.system.outlet.CLOSE_S", 0.01)
    monkeypatch.setattr("eventqueue.system.outlet.CLOSE_MOST_S", PATIENCE_S)
    may_write, (next_, has_room) = threading.Event(), (Outlet._next, Outlet._has_room)

    def late(self: Outlet) -> bytes:
        assert may_write.wait(PATIENCE_S)
        return next_(self)

    def asked(self: Outlet) -> bool:  # which is when its first second is over
        may_write.set()
        return has_room(self)

    monkeypatch.setattr(Outlet, "_next", late)
    monkeypatch.setattr(Outlet, "_has_room", asked)
    one = outlet(pipe[1])
    one.put(b"the last words\n")
    one.close()

    os.set_blocking(pipe[0], False)  # what is written after the end, a process that has ended does not write
    assert os.read(pipe[0], 100) == b"the last words\n"


def test_after_that_it_goes_on(pipe: tuple[int, int]) -> None:
    one = outlet(pipe[1])
    for _ in range(FLOOD):
        one.put(LINE)
    read_until_told(pipe[0])

    one.put(b"again\n")
    one.close()

    assert os.read(pipe[0], 100) == b"again\n"


def test_an_end_comes_though_nobody_reads(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventqueue.system.outlet.CLOSE_MOST_S", float("inf"))
    one = outlet(pipe[1])
    for _ in range(FLOOD):
        one.put(LINE)

    one.close()  # would never return, if it waited


def test_who_ends_it_twice_waits_once(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    one = outlet(pipe[1])
    for _ in range(FLOOD):
        one.put(LINE)

    one.close()
    monkeypatch.setattr("eventqueue.system.outlet.CLOSE_S", 10 * PATIENCE_S)
    one.close()  # would not return


def test_what_was_told_last_is_written_at_the_end(pipe: tuple[int, int]) -> None:
    with closing(outlet(pipe[1])) as one:
        one.put(b"last\n")

    assert os.read(pipe[0], 100) == b"last\n"


def test_lines_go_whole_into_writes_that_a_pipe_keeps_whole() -> None:
    readable, writable = os.pipe2(os.O_DIRECT)  # each read returns what one write wrote
    lines = [b"%d " % number * (number % 90 + 1) + b"\n" for number in range(2000)]
    with closing(outlet(writable)) as one:
        for line in lines:
            one.put(line)
        written: list[bytes] = []
        while sum(map(len, written)) < sum(map(len, lines)):
            written.append(os.read(readable, 65536))
    os.close(readable)
    os.close(writable)

    assert b"".join(written) == b"".join(lines)
    assert all(piece.endswith(b"\n") and len(piece) <= WRITE_BYTES for piece in written)


def test_a_reader_that_has_gone_is_no_trouble(pipe: tuple[int, int]) -> None:
    readable, writable = os.pipe()
    os.close(readable)
    with closing(outlet(writable)) as one:
        for _ in range(FLOOD):
            one.put(LINE)
    os.close(writable)


def logged(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch, *, as_json: bool) -> str:
    """What is written of a warning that came with an error, both of others' words."""
    with os.fdopen(os.dup(pipe[1]), "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        handler = Handler("queuectl: ", as_json=as_json)
        try:
            raise ValueError("a\x1b[2Jb")
        except ValueError:
            record = {"msg": "odd \x9b", "exc_info": sys.exc_info(), "levelname": "WARNING", "created": 0.5}
            handler.handle(logging.makeLogRecord(record))
        handler.close()
    return os.read(pipe[0], 65536).decode()


def test_what_is_logged_steers_no_terminal_and_a_traceback_keeps_its_lines(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = logged(pipe, monkeypatch, as_json=False).splitlines()

    assert lines[0] == f"1970-01-01T00:00:00.500Z {socket.gethostname()} queuectl: odd \\x9b"
    assert lines[1].startswith("Traceback")
    assert lines[-1] == "ValueError: a\\x1b[2Jb"


def test_what_is_logged_is_an_object_a_line_where_that_is_asked_for(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = logged(pipe, monkeypatch, as_json=True)

    found = json.loads(text)
    assert text.isprintable() or text.count("\n") == 1
    assert found.pop("traceback").endswith("ValueError: a\x1b[2Jb")
    assert found == {
        "event": "logged",
        "at": "1970-01-01T00:00:00.500Z",
        "host": socket.gethostname(),
        "level": "warning",
        "message": "odd \x9b",
    }


def test_on_a_terminal_what_is_logged_has_neither_time_nor_host() -> None:
    record = logging.makeLogRecord({"msg": "odd"})

    assert TextForm("queuectl: ", is_watched=True).format(record) == "queuectl: odd"


def test_a_descriptor_that_another_process_has_made_non_blocking_is_waited_for(pipe: tuple[int, int]) -> None:
    os.set_blocking(pipe[1], False)
    one = outlet(pipe[1])
    for _ in range(FLOOD):
        one.put(LINE)

    *lines, last = read_until_told(pipe[0])

    assert set(lines) == {LINE.rstrip()}
    assert last == b"LOST %d" % (FLOOD - len(lines))
    one.close()


def test_a_file_without_room_is_written_again_once_there_is_some(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    full, write = threading.Event(), os.write

    def refusing(fd: int, text: bytes) -> int:
        if fd == pipe[1] and not full.is_set():
            full.set()
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(fd, text)

    monkeypatch.setattr("eventqueue.system.outlet.os.write", refusing)
    monkeypatch.setattr("eventqueue.system.outlet.AGAIN_S", 0.01)
    one = outlet(pipe[1])
    one.put(b"first\n")
    assert full.wait(PATIENCE_S)
    one.put(b"second\n")

    shown = b""
    while shown.count(b"\n") < 2:
        shown += os.read(pipe[0], 100)
    assert shown == b"first\nsecond\n"
    one.close()


DYING = """
import time
from eventqueue.system.outlet import log_to_stderr
from eventqueue.worker.child import _thread
log_to_stderr("queuectl: ")
_thread("heartbeat", lambda: 1 / 0)
time.sleep(60)
"""


def test_what_ends_a_process_is_told_before_it_ends() -> None:
    ended = subprocess.run([sys.executable, "-c", DYING], capture_output=True, timeout=PATIENCE_S, check=False)

    assert ended.returncode == 1
    assert b"queuectl: the heartbeat thread failed" in ended.stderr
    assert b"ZeroDivisionError" in ended.stderr
