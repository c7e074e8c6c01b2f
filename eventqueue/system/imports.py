"""Where modules are looked for: not where a command happens to be typed, and in directories of the user's own."""

import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def installed_alone() -> Iterator[None]:
    """Have the current directory left out of where modules are looked for, however it came to be there."""
    kept = list(sys.path)
    here = os.path.realpath(os.curdir)
    sys.path[:] = [place for place in kept if os.path.realpath(place or os.curdir) != here]
    try:
        yield
    finally:
        sys.path[:] = kept


def look_in(directories: Sequence[str]) -> None:
    """Have modules be looked for in these directories, too: behind Python's own, and before what is installed.

    Not in front of all: a file there may be called as one of Python's is that somebody imports later.
    """
    libraries = _libraries()
    own = [number for number, place in enumerate(sys.path) if os.path.realpath(place or os.curdir) in libraries]
    behind = own[-1] + 1 if own else 0
    sys.path[behind:behind] = directories


def _libraries() -> set[str]:
    pure = sysconfig.get_path("stdlib")
    built = sysconfig.get_config_var("DESTSHARED")  # not `platstdlib`, which is within a virtual environment
    return {os.path.realpath(one) for one in (pure, built or os.path.join(pure, "lib-dynload"))}
