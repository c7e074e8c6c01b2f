"""Lines for somebody who may not read them: a pager, a terminal that is held, a log shipper that hangs.

A thread of its own writes them, so that whoever tells something never waits. What does not fit is dropped, counted,
and told of once there is room again.
"""

import errno
import logging
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

from eventqueue.system.logged import form

LINES_MAX = 10_000  # that wait to be written: a few MB
WRITE_BYTES = 4096  # that a pipe takes as a whole (PIPE_BUF): several processes share it, and lines must not mix
AGAIN_S = 1.0  # between two tries where there is no room
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}  # of a file: what waits meanwhile is dropped as where nobody reads
CLOSE_S = 1.0  # for what still waits at the end, and has no room
CLOSE_MOST_S = 4.0  # where there is room: on a busy machine the thread that writes may come late


class Outlet:
    """Writes lines to the file descriptor `fd`; `lost` makes the line that tells of so many others.

    Safe across threads.
    """

    def __init__(self, fd: int, lost: Callable[[int], bytes]) -> None:
        self._fd = fd
        self._lost = lost
        self._news = threading.Condition()
        self._lines: deque[bytes] = deque()
        self._dropped = 0
        self._is_over = False
        self._thread = threading.Thread(target=self._run, name="outlet", daemon=True)
        self._thread.start()

    def put(self, line: bytes) -> None:
        """Have a line, with its line end, written when there is room; never waits."""
        with self._news:
            if self._is_over:
                return
            # Once there was no room, only where there is much of it again: else every other line would be a gap.
            if len(self._lines) >= (LINES_MAX // 2 if self._dropped else LINES_MAX):
                self._dropped += 1
                return
            if self._dropped:  # told where they are missing
                self._lines.append(self._lost(self._dropped))
                self._dropped = 0
            self._lines.append(line)
            self._news.notify()

    def close(self) -> None:
        """Write what waits: for a second at most where nobody reads it, else for four. A second call does nothing."""
        with self._news:
            if self._is_over:
                return
            self._is_over = True
            self._news.notify()
        give_up = time.monotonic() + CLOSE_MOST_S
        self._thread.join(CLOSE_S)
        while self._thread.is_alive() and self._has_room() and time.monotonic() < give_up:
            self._thread.join(CLOSE_S)

    def _has_room(self) -> bool:
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        return poll.poll(0) == [(self._fd, select.POLLOUT)]

    def _run(self) -> None:
        try:
            while text := self._next():
                while text:
                    text = text[self._write(text) :]
        except OSError:  # nobody will ever read; the work goes on
            with self._news:
                self._is_over = True
                self._lines.clear()

    def _write(self, text: bytes) -> int:
        """Write some of it, and return how much; none for now where there is no room."""
        try:
            return os.write(self._fd, text)
        except BlockingIOError:  # another process has made the descriptor so, which it shares with this one
            select.select([], [self._fd], [], AGAIN_S)
        except OSError as error:
            if error.errno not in _NO_ROOM or self._is_over:
                raise
            time.sleep(AGAIN_S)
        return 0

    def _next(self) -> bytes:
        """Return the lines that go in one write; none at the end."""
        with self._news:
            self._news.wait_for(lambda: self._lines or self._is_over)
            text = b""
            while self._lines and (not text or len(text) + len(self._lines[0]) <= WRITE_BYTES):
                text += self._lines.popleft()
            if self._dropped and not self._lines:
                text += self._lost(self._dropped)
                self._dropped = 0
            return text


class Handler(logging.Handler):
    """Log records to stderr through an outlet: text of others in one piece, and a traceback in its lines."""

    def __init__(self, prefix: str, *, as_json: bool = False) -> None:
        super().__init__()
        self._outlet = Outlet(sys.stderr.fileno(), self._lost)
        self.setFormatter(form(prefix, as_json=as_json))

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        try:
            self._outlet.put(self._line(record))
        except Exception:  # whoever logs goes on
            self.handleError(record)

    def close(self) -> None:
        """See logging.Handler: called at the end of the process, too."""
        self._outlet.close()
        super().close()

    def _line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(errors="backslashreplace")

    def _lost(self, count: int) -> bytes:
        told = {"msg": f"{count} lines were not shown.", "levelname": "WARNING"}
        return self._line(logging.makeLogRecord(told))


def log_to_stderr(prefix: str = "", level: int = logging.WARNING, *, as_json: bool = False) -> logging.Handler:
    """Have what is logged in this process written to stderr, as it is able to; close the handler before `os._exit`.

    `as_json`: as objects, see `logged`.
    """
    handler = Handler(prefix, as_json=as_json)
    logging.basicConfig(level=level, handlers=[handler])
    return handler
