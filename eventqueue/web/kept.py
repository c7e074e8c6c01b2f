"""What several tabs ask for is found out once: as long as the views stand where they stood, for a second at most.

What takes long is found out less often, so that however many look on, the database has most of its time for others.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Generic, TypeVar

EVERY_S = 1.0
SHARE = 8  # it is found out again after so many times what it took
RARE = 64  # the same of what looks through the log, for whom little of that is
LONGEST_S = 15.0  # by the former, in any case: once it took long it need not for ever
KEYS_MAX = 200

T = TypeVar("T")


@dataclass
class _Slot:
    lock: Lock = field(default_factory=Lock)
    found: Any = None
    position: int | None = None
    made_at: float | None = None
    took: float = 0.0


@dataclass(frozen=True)
class Seen(Generic[T]):
    """What was found out; `is_old`: the views have moved since, so it is to be asked for again soon."""

    found: T
    is_old: bool


class Kept:
    """What was found out lately, by names. `position`: where the views stand; `is_watched`: whether tabs are open.

    Only these ask again and again, and for what is old by themselves: else all is found out whenever it is asked for.
    """

    def __init__(
        self,
        position: Callable[[], int | None],
        is_watched: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._position = position
        self._is_watched = is_watched
        self._slots: dict[object, _Slot] = {}
        self._lock = Lock()

    def get(self, key: object, find: Callable[[], T], share: int = SHARE) -> Seen[T]:
        """Return what `find` finds, now or a little while ago; see SHARE, and RARE. Raises what that raises."""
        slot = self._slot(key)
        with slot.lock:  # who asks meanwhile has the same answer
            position = self._position()
            if self._is_due(slot, position, share):
                begun = self._clock()
                slot.found = find()
                slot.position, slot.made_at = position, self._clock()
                slot.took = slot.made_at - begun
            return Seen(slot.found, is_old=slot.position != position)

    def forget(self) -> None:
        """Find all out anew: something was done, and who did it is to see it."""
        with self._lock:
            self._slots.clear()

    def _is_due(self, slot: _Slot, position: int | None, share: int) -> bool:
        """Whether it is found out anew: where the views have moved at once, but for what that costs."""
        if slot.made_at is None or not self._is_watched():
            return True
        least = EVERY_S if slot.position == position else 0.0
        return self._clock() - slot.made_at >= max(least, min(share * slot.took, share / SHARE * LONGEST_S))

    def _slot(self, key: object) -> _Slot:
        with self._lock:
            if len(self._slots) >= KEYS_MAX and key not in self._slots:
                self._slots.clear()
            return self._slots.setdefault(key, _Slot())
