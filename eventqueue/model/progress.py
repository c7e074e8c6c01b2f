"""How far a running task is, as it says itself."""

from datetime import datetime
from math import isfinite

import msgspec

NOTE_MAX = 500  # characters

ByClaim = tuple[str, int]
"""An attempt: its job's id, and its claim."""


class Said(msgspec.Struct, frozen=True):
    """What a task says: `done` of `total`, where that is known, in units of its own."""

    done: float
    total: float | None = None
    note: str | None = None


class Progress(msgspec.Struct, frozen=True):
    """How far a task is, and when it said so."""

    done: float
    total: float | None
    note: str | None
    at: datetime

    @property
    def percent(self) -> int | None:
        """How much of all is done; None where that is not known."""
        if not self.total or not isfinite(share := 100 * self.done / self.total):
            return None
        return max(0, min(100, int(share)))
