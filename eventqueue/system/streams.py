"""The three standard streams of a process, made fit for what is written to them, whatever it was started with."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import TextIOWrapper


def prepare_streams() -> None:
    """Make stdout and stderr fit for any text: a closed one goes nowhere, what an encoding lacks is escaped.

    What is closed is opened for the processes that are started from here, too: they would take another file of their
    own for it, which gets the lowest number that is free. To call before anything is opened.
    """
    for fd in (0, 1, 2):
        try:
            os.fstat(fd)
        except OSError:
            _open_nothing(fd)
    # Standard input that was closed stays None here: who reads it says so, and does not find it empty.
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115 - for the life of the process
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 - for the life of the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def stdout_on_stderr() -> Iterator[None]:
    """Have all that others write to stdout meanwhile, by its descriptor or in processes of theirs, go to stderr."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stdout.flush()  # as it is by now: what is left in it was written meanwhile
        os.dup2(kept, 1)
        os.close(kept)


def _open_nothing(fd: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != fd:
        os.dup2(nothing, fd)  # which makes it inheritable
        os.close(nothing)
    else:
        os.set_inheritable(fd, True)
