"""How a call of a task ended."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from eventqueue.model.events import Error


@dataclass(frozen=True, slots=True)
class Returned:
    """It came to its end, with this result, a JSON value."""

    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """It raised an exception.

    `is_final`: no retry would mend it. `delay`: how long to wait for one, where the task said so.
    """

    error: Error
    is_final: bool = False
    delay: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Snoozed:
    """It put itself off by so long."""

    delay: timedelta


@dataclass(frozen=True, slots=True)
class Discarded:
    """It found that it is to be done no more, and why."""

    why: str


Outcome = Returned | Raised | Snoozed | Discarded

USERS_OWN = (Exception, SystemExit, KeyboardInterrupt, GeneratorExit)
"""What the user's code raises by itself, wherever it is called; what interrupts a task is none of it."""
