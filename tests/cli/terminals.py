"""queuectl on a terminal of a given width, and on one that is held or gone."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from tempfile import TemporaryDirectory

from tests.cli.commands import Queuectl
from tests.patience import PATIENCE_S

# Runs several command lines in one process, each on a terminal of its width, and says the exit code of each. `gone`: on
# a pipe that nobody reads instead. One process for all, since to start one takes longer than what most commands do.
RUN = """
import fcntl, json, os, signal, struct, sys, termios, threading
from eventqueue.cli.main import run
lines = json.loads(sys.argv[1])
terminal = os.dup(1)
readable, gone = os.pipe()
os.close(readable)
for line in lines:
    os.dup2(gone if line["gone"] else terminal, 1)  # again and again: a command that fails by its output lets go of it
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, line["columns"], 0, 0))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(line["interrupt_after"], os.kill, (os.getpid(), signal.SIGINT))
    if line["interrupt_after"]:
        timer.start()
    code = run(line["args"])
    timer.cancel()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            pass
    os.write(terminal, b"\\nCODE %d\\n" % code)
os._exit(0)
"""
STATE = TemporaryDirectory(prefix="queuectl-state-")  # where it is kept what was listed last
_CODE = re.compile(r"\r?\nCODE (\d+)\r?\n")

# What rich writes of its own: colours, the cursor shown, hidden, up and home, the other screen, a line erased.
OWN_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
OWN = re.compile(r"\x1b\[[0-9;]*m|\x1b\[\?(?:25|1049)[hl]|\x1b\[H|\x1b\[\d*A|\x1b\[2K|[\r\n]")


@dataclass(frozen=True)
class Line:
    """A command line, how wide its terminal is, whether nobody reads it, and when a Ctrl-C comes, in seconds."""

    args: tuple[str, ...]
    columns: int = 100
    gone: bool = False
    interrupt_after: float = 0.0


def on_terminal(queuectl: Queuectl, *args: str, columns: int = 100) -> str:
    """Return what a command writes to a terminal of this width."""
    ((_, shown),) = on_terminals(queuectl, [Line(args, columns)])
    return shown


def on_terminals(queuectl: Queuectl, lines: Sequence[Line], typed: str = "") -> list[tuple[int, str]]:
    """Return exit code and output of each command, one after the other; `typed`: what somebody has typed ahead."""
    environ = {"TERM": "xterm-256color", "QUEUECTL_PAGER": "", "XDG_STATE_HOME": STATE.name, **queuectl.environ}
    words = [sys.executable, "-c", RUN, json.dumps([asdict(line) for line in lines])]
    shown = shown_by(words, environ, PATIENCE_S + 5 * len(lines), typed)
    pieces = _CODE.split(shown)
    assert len(pieces) == 2 * len(lines) + 1, shown
    return list(zip(map(int, pieces[1::2]), pieces[:-1:2], strict=True))


def shown_by(
    words: list[str], environ: Mapping[str, str], patience_s: float, typed: str = "", columns: int = 100
) -> str:
    """Return what any program writes to a terminal of this width."""
    ours, theirs = pty.openpty()
    os.write(ours, typed.encode())
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env=environ) as process:
        os.close(theirs)
        shown, give_up = b"", time.monotonic() + patience_s
        while chunk := _read(ours, give_up - time.monotonic()):
            shown += chunk
        process.kill()
    os.close(ours)
    return shown.decode(errors="backslashreplace")


def _read(terminal: int, seconds: float) -> bytes:
    if not select.select([terminal], [], [], max(0.0, seconds))[0]:
        return b""
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other side has closed it
        return b""
