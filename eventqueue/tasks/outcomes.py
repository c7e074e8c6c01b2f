"""How a call of a task ended."""

from datetime import timedelta
from typing import Any

import msgspec

from eventqueue.model.events import Error


class Returned(msgspec.Struct, frozen=True):
    """It came to its end, with this result, a JSON value."""

    value: Any


class Raised(msgspec.Struct, frozen=True):
    """It raised an exception.

    `is_final`: no retry would mend it. `delay`: how long to wait for one, where the task said so.
    """

    error: Error
    is_final: bool = False
    delay: timedelta | None = None


class Snoozed(msgspec.Struct, frozen=True):
    """It put itself off by so long."""

    delay: timedelta


class Discarded(msgspec.Struct, frozen=True):
    """It found that it is to be done no more, and why."""

    why: str


Outcome = Returned | Raised | Snoozed | Discarded

USERS_OWN = (Exception, SystemExit, KeyboardInterrupt, GeneratorExit)
"""What the user's code raises by itself, wherever it is called; what interrupts a task is none of it."""
