"""The three standard streams of a process, made fit for what is written to them, whatever it was started with."""

import os
import sys
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


def _open_nothing(fd: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    if nothing != fd:
        os.dup2(nothing, fd)  # which makes it inheritable
        os.close(nothing)
    else:
        os.set_inheritable(fd, True)
