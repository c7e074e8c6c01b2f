"""Importing what is installed, and nothing that lies where a command happens to be typed."""

import os
import sys
from collections.abc import Iterator
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
