"""What a terminal shows: colours, unless they are not wanted; lines that fit, with ids whole."""

import os
import pty
import subprocess
import sys

from tests.cli.commands import Queuectl


def on_terminal(queuectl: Queuectl, *args: str, columns: int = 100) -> str:
    """What the command writes to a terminal of this width."""
    ours, theirs = pty.openpty()
    environ = {**queuectl.environ, "TERM": queuectl.environ.get("TERM", "xterm-256color"), "COLUMNS": str(columns)}
    command = [sys.executable, "-m", "eventqueue", *args]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ) as process:
        os.close(theirs)
        shown = b""
        while chunk := _read(ours):
            shown += chunk
        process.wait()
    os.close(ours)
    return shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other side has closed it
        return b""


def test_a_terminal_gets_colours(queuectl: Queuectl) -> None:
    assert "\x1b[32m✔" in on_terminal(queuectl, "enqueue", "--id", "one", "--", "true")
    assert "\x1b[36mpending" in on_terminal(queuectl, "list")
    assert "\x1b[31m✘" in on_terminal(queuectl, "show", "two")


def test_no_color_is_obeyed(queuectl: Queuectl) -> None:
    plain = queuectl.with_environ(NO_COLOR="1")

    assert "\x1b[3" not in on_terminal(plain, "enqueue", "--id", "one", "--", "true")
    assert "\x1b[3" not in on_terminal(plain, "list")


def test_a_dumb_terminal_gets_no_escapes(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--id", "one", "--", "true")

    assert "\x1b" not in on_terminal(queuectl.with_environ(TERM="dumb"), "list")


def test_json_on_a_terminal_is_indented_and_not_coloured(queuectl: Queuectl) -> None:
    shown = on_terminal(queuectl, "config", "get", "grace", "--json")

    assert shown.splitlines() == ["{", '  "name": "grace",', '  "value": 30.0,', '  "source": "built-in"', "}"]


def test_a_line_is_cut_to_the_terminal_and_the_id_never(queuectl: Queuectl) -> None:
    plain = queuectl.with_environ(NO_COLOR="1")
    queuectl.ok("enqueue", "--id", "i" * 40, "--", "echo " + "日本" * 60)

    wide = on_terminal(plain, "list", columns=100).splitlines()[1]
    narrow = on_terminal(plain, "list", columns=30).splitlines()[1]

    assert wide.endswith("…")
    assert "i" * 40 in wide
    assert len(wide) < 100  # in characters: the wide ones take two columns each
    assert "i" * 40 in narrow


def test_progress_is_shown_on_a_terminal_unless_it_is_to_be_quiet(queuectl: Queuectl) -> None:
    queuectl.ok("enqueue", "--file", "-", stdin=b'{"command": "true"}\n' * 10)

    assert "verifying" in on_terminal(queuectl, "audit", "verify", "--all")
    assert "verifying" not in on_terminal(queuectl, "audit", "verify", "--all", "--quiet")
