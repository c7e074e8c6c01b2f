"""queuectl on a terminal that is emulated: keys are typed, and what the screen shows is awaited."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyte

from tests.cli.commands import Queuectl
from tests.patience import PATIENCE_S

# What the screen writes of its own: colours, where the cursor is, modes and questions.
_OWN = re.compile(
    r"\x1b\[[0-9;]*[mHJK]|\x1b\[[?<>]?[0-9;]*(?:\$p|[hlu])|\x1b\]22;[a-z]*\x07|[\r\n]"
    r"|\x1b(?:\[[0-9;]*)?\Z"  # what was read so far may end within one
)

KEYS = {
    "enter": "\r",
    "esc": "\x1b",
    "tab": "\t",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "ctrl-c": "\x03",
    "ctrl-z": "\x1a",
}


class Terminal:
    """A terminal with a process on it."""

    def __init__(self, process: "subprocess.Popen[bytes]", ours: int, columns: int, rows: int) -> None:
        self.process = process
        self.written = b""
        self.before = termios.tcgetattr(ours)
        self._ours = ours
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def lines(self) -> list[str]:
        """What is on the screen."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        """The same, as one text."""
        return "\n".join(self.lines)

    @property
    def settings(self) -> list[object]:
        """How the terminal is set."""
        return termios.tcgetattr(self._ours)

    @property
    def reversed_lines(self) -> list[str]:
        """What is shown in reverse, as the row at the cursor is, line by line."""
        buffer = self._screen.buffer
        rows = [buffer[row] for row in range(self._screen.lines)]
        found = ["".join(row[x].data for x in range(self._screen.columns) if row[x].reverse).strip() for row in rows]
        return [line for line in found if line]

    @property
    def colours(self) -> set[str]:
        """The colours that were written, as their codes."""
        codes = {code for found in re.findall(rb"\x1b\[([0-9;]*)m", self.written) for code in found.decode().split(";")}
        return {code for code in codes if re.fullmatch("3[0-8]|4[0-8]|9[0-7]|10[0-7]", code)}

    @property
    def left_open(self) -> set[str]:
        """What was switched on and not off again: the other screen, reports of focus, mouse and pastes, keys."""
        modes = re.findall(rb"\x1b\[\?([0-9]+)([hl])", self.written)
        last = {number.decode(): way for number, way in modes}
        first = {number.decode(): way for number, way in reversed(modes)}
        shown = self.written
        keys = {"keys"} if shown.count(b"\x1b[>") > shown.count(b"\x1b[<u") else set()
        return {number for number, way in last.items() if way == first[number]} - {"2026"} | keys

    @property
    def foreign(self) -> str:
        """What of what was written would steer the terminal, and is not the screen's own."""
        rest = _OWN.sub("", self.written.decode(errors="backslashreplace"))
        return "".join(char for char in rest if not char.isprintable())

    def type(self, *keys: str) -> None:
        """Press keys, or type texts."""
        for key in keys:
            os.write(self._ours, KEYS.get(key, key).encode())

    def resize(self, columns: int, rows: int) -> None:
        """Make it wider or narrower."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen.resize(rows, columns)
        self._screen.reset()
        self.process.send_signal(signal.SIGWINCH)

    def awaits(self, condition: "str | Callable[[], bool]") -> None:
        """Read until the screen shows this text, or the condition holds."""
        is_so = condition if callable(condition) else lambda: condition in self.text
        give_up = time.monotonic() + PATIENCE_S
        while not is_so():
            assert self._read(give_up - time.monotonic()), f"not seen: {condition}\n{self.text}"

    def awaits_not(self, text: str) -> None:
        """Read until the screen shows this text no more."""
        self.awaits(lambda: text not in self.text)

    def ends(self) -> int:
        """Wait for the process's end; return its exit code."""
        give_up = time.monotonic() + PATIENCE_S
        while self._read(give_up - time.monotonic()):
            pass
        return self.process.wait(PATIENCE_S)

    def hang_up(self) -> None:
        """Have the terminal go."""
        if self._ours >= 0:
            os.close(self._ours)
        self._ours = -1

    def _read(self, seconds: float) -> bool:
        if not select.select([self._ours], [], [], max(0.0, seconds))[0]:
            return False
        try:
            found = os.read(self._ours, 65536)
        except OSError:  # the other side has closed it
            return False
        self.written += found
        self._stream.feed(found)
        return bool(found)


@contextmanager
def terminal(
    queuectl: Queuectl, *args: str, columns: int = 100, rows: int = 30, before: str = "", **environ: str
) -> Iterator[Terminal]:
    """A command on a terminal of its own, which is its controlling one; `before`: Python that runs before it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", f"{_ON_TERMINAL}{before}\nmain()", *args],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={"TERM": "xterm-256color", **queuectl.environ, **environ},
        start_new_session=True,
    )
    shown = Terminal(process, ours, columns, rows)
    os.close(theirs)
    try:
        yield shown
    finally:
        process.kill()
        process.wait(PATIENCE_S)
        shown.hang_up()


_ON_TERMINAL = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from eventqueue.cli.main import main
"""
