"""What a task prints in a run of a TestQueue: kept as its output, and printed all the same."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import TextIOBase
from typing import TextIO

from eventqueue.worker.running.reports import Written
from eventqueue.worker.shell.output import Bounded


class _Both(TextIOBase):
    """A stream that goes where another goes, and is kept."""

    encoding = "utf-8"

    def __init__(self, other: TextIO) -> None:
        self._other = other
        self.kept = Bounded()

    def write(self, text: str) -> int:
        self.kept.feed(text.encode(errors="backslashreplace"))
        return self._other.write(text)

    def flush(self) -> None:
        self._other.flush()

    def isatty(self) -> bool:
        return False

    def written(self) -> Written:
        return Written(self.kept.kept(), self.kept.total)


class Printed:
    """What was printed so far."""

    def __init__(self) -> None:
        self._out, self._err = _Both(sys.stdout), _Both(sys.stderr)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep what the block prints."""
        with redirect_stdout(self._out), redirect_stderr(self._err):
            yield

    @property
    def stdout(self) -> Written:
        """To stdout."""
        return self._out.written()

    @property
    def stderr(self) -> Written:
        """To stderr."""
        return self._err.written()
