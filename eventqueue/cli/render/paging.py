"""What is longer than the screen is shown in a pager, as git does; on a terminal alone, and only once it is longer."""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from shutil import get_terminal_size, which
from typing import IO, TextIO, cast

from eventqueue.cli.render.terminal import IS_PAGED, note
from eventqueue.system.interrupts import left_to_others

USUAL = "less"
LESS = "FRX"  # nothing that fits is held; colours; what was shown stays


class Pages:
    """A place for lines: a terminal's screen, and once that is full, a pager. Its reader may go at any time."""

    def __init__(self, stream: TextIO, pager: list[str]) -> None:
        self._stream = stream
        self._command = pager
        self._room = get_terminal_size().lines - 1
        self._held: list[str] = []
        self._pager: subprocess.Popen[str] | None = None
        self._is_plain = False  # the pager cannot be run

    @property
    def encoding(self) -> str:
        """As the stream's."""
        return self._stream.encoding

    def isatty(self) -> bool:
        """It is shown on one."""
        return True

    def write(self, text: str) -> int:
        """Take a text. Raises BrokenPipeError once nobody reads any more."""
        if self._is_plain:
            self._stream.write(text)
        elif self._pager is None:
            self._held.append(text)
            self._room -= text.count("\n")
            if self._room < 0:
                self._start()
        else:
            self._into().write(text)
        return len(text)

    def flush(self) -> None:
        """Pass on what a pager has not been given yet."""
        if self._pager is not None:
            self._into().flush()

    def close(self) -> None:
        """Show what is held, or wait until the reader has done with the pager."""
        if self._pager is None:
            self._stream.write("".join(self._held))
            self._stream.flush()
            return
        with suppress(BrokenPipeError):
            self._into().close()
        with left_to_others([signal.SIGINT]):  # the pager's, as long as it shows something
            self._pager.wait()

    def _start(self) -> None:
        # Less runs any command: who may run queuectl by sudo may not run others so, perhaps.
        environ = {"LESS": LESS, **({"LESSSECURE": "1"} if "SUDO_UID" in os.environ else {}), **os.environ}
        held, self._held = self._held, []
        try:
            self._pager = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, text=True, encoding="utf-8", env=environ
            )
        except OSError as error:
            note(
                f"The pager {self._command[0]!r} cannot be run ({error.strerror}): QUEUECTL_PAGER, or PAGER, names one."
            )
            self._is_plain = True
            self._stream.write("".join(held))
        else:
            self._into().write("".join(held))

    def _into(self) -> IO[str]:
        assert self._pager is not None
        assert self._pager.stdin is not None
        return self._pager.stdin


@contextmanager
def paged(stream: TextIO) -> Iterator[TextIO]:
    """Yield what to write to instead of a stream. That the reader leaves a pager ends it, and is no error."""
    command = _pager() if stream.isatty() and IS_PAGED.get() and os.environ.get("TERM") != "dumb" else None
    if command is None:
        yield stream
        return
    pages = Pages(stream, command)
    try:
        with suppress(BrokenPipeError):
            yield cast("TextIO", pages)
    finally:
        pages.close()


def _pager() -> list[str] | None:
    """Return the command that is asked for, or the usual one; None for none, or one that is not there."""
    asked = next((os.environ[name] for name in ("QUEUECTL_PAGER", "PAGER") if name in os.environ), None)
    try:
        command = shlex.split(USUAL if asked is None else asked)
    except ValueError:
        command = [asked or ""]
    if not command or command == ["cat"]:
        return None
    if which(command[0]) is None:
        if asked is not None:
            note(f"There is no pager {command[0]!r}: QUEUECTL_PAGER, or PAGER, names one, or none if it is empty.")
        return None
    return command
