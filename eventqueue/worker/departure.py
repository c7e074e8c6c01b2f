"""Whether and when a worker leaves: asked to stop, buried, or of no use. Times are monotonic, in seconds."""

import time
from datetime import timedelta

GIVE_UP_S = 10.0  # after the grace: what cannot be settled by then is left to the rescuers


class Departure:
    """One worker's; until something is heard it stays."""

    def __init__(self) -> None:
        self.is_buried = False
        self.is_of_no_use = False  # it can run nothing here: another process may
        self._stop_at: float | None = None

    @property
    def was_asked(self) -> bool:
        """Whether somebody asked it to stop."""
        return self._stop_at is not None

    @property
    def is_near(self) -> bool:
        """Whether it leaves, now or later: it claims nothing more."""
        return self.is_buried or self.is_of_no_use or self.was_asked

    @property
    def grace_is_over(self) -> bool:
        """Whether what still runs is to be handed back."""
        return self._stop_at is not None and time.monotonic() >= self._stop_at

    @property
    def is_overdue(self) -> bool:
        """Whether it leaves whatever is left to do."""
        return self._stop_at is not None and time.monotonic() > self._stop_at + GIVE_UP_S

    @property
    def grace_ends_at(self) -> float:
        """When what still runs is to be handed back; infinite while nobody has asked."""
        return float("inf") if self._stop_at is None else self._stop_at

    def within(self, grace: timedelta) -> None:
        """Hear that it is to stop, and that what it runs may finish within `grace`.

        Never later than asked before: a second request, or the supervisor's death, gives no new grace.
        """
        self._stop_at = min(self.grace_ends_at, time.monotonic() + max(0.0, grace.total_seconds()))

    def bury(self) -> None:
        """Hear that every claim is over."""
        self.is_buried = True
