"""What a look for claims may find: anything, only the jobs that signals have named, or nothing before the next poll."""

import random
import time
from collections.abc import Collection
from enum import Enum, auto

POLL_S = 1.0  # without a signal
TOLD_MAX = 100  # jobs that are remembered by name: who has heard of more looks for itself


class Prospect(Enum):
    """What is worth looking for now."""

    ANYTHING = auto()
    THE_TOLD = auto()  # nothing else has come since all was looked through
    NOTHING = auto()


class Prospects:
    """One worker's; at first anything may be there."""

    def __init__(self) -> None:
        self._may_find = True
        self._told: set[str] = set()  # where nothing else may be found: what signals have named since
        self._next_poll = 0.0

    @property
    def now(self) -> Prospect:
        """What is worth looking for."""
        if self._may_find or time.monotonic() >= self._next_poll:
            return Prospect.ANYTHING
        return Prospect.THE_TOLD if self._told else Prospect.NOTHING

    @property
    def next_at(self) -> float:
        """When there is something to look for next, in monotonic seconds; it may be past."""
        return float("-inf") if self._may_find or self._told else self._next_poll

    def open(self) -> None:
        """Hear of something that has no name."""
        self._may_find = True

    def hear_of(self, jobs: Collection[str]) -> bool:
        """Remember these jobs by name; False, and none, where all has to be looked through anyway."""
        if self._may_find or len(self._told) > TOLD_MAX:
            self._may_find = True
            self._told.clear()
            return False
        self._told.update(jobs)
        return True

    def forget_names(self) -> None:
        """Begin a look through all there is, in which what was named is, too."""
        self._told.clear()

    def take_names(self) -> Collection[str]:
        """Return what was named, to be looked at: all may be there until that has found them all."""
        told, self._told = self._told, set()
        self._may_find = True  # reading them may fail, and nobody tells of them again
        return told

    def were_all(self) -> None:
        """Note that those that were named were found, all of them: nothing else is there."""
        self._may_find = False

    def reach_the_end(self) -> None:
        """Note that all was looked through: until a signal comes it is looked again only at the next poll."""
        self._may_find = False
        self._next_poll = time.monotonic() + POLL_S * random.uniform(0.8, 1.2)  # noqa: S311 - spreads polls
