"""How long what is asked of the database may take in all, as whoever asks has it: also what is asked piece by piece.

The driver ends each call at that; whoever tries again between two calls has to know it, too.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import pymongo

_GIVE_UP: ContextVar[float | None] = ContextVar("give_up", default=None)  # by `time.monotonic`


@contextmanager
def answered_within(seconds: float | None) -> Iterator[None]:
    """Have all that is asked in this block be answered within so many seconds, or raise; None: however long it takes.

    Within another such block the earlier end of the two holds, as to the driver, but where there is none at all.
    """
    before = _GIVE_UP.get()
    end = None if seconds is None else time.monotonic() + seconds
    token = _GIVE_UP.set(end if end is None or before is None else min(end, before))
    try:
        with pymongo.timeout(seconds):
            yield
    finally:
        _GIVE_UP.reset(token)


def patient_until(patience: float) -> float:
    """Return when it is tried no more, by `time.monotonic`: within `patience` seconds, or a caller's own deadline."""
    own = time.monotonic() + patience
    end = _GIVE_UP.get()
    return own if end is None else min(own, end)
