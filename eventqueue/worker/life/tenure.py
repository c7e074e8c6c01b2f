"""A worker's lease as the worker measures it: in time since boot, from the *send* of its last good renewal.

That is earlier than when the database took it, so a worker always thinks its lease ends sooner than everyone else
does. A margin before the end it claims nothing any more and what it runs is killed. A machine that slept has lost its
lease like one that was silent: the database's clock went on.
"""

from datetime import timedelta

from eventqueue.system.boottime import since_boot

PARTS = 6  # renewals in one lease; the margin is one part: 30 s are renewed every 5, and killed for 5 before the end


class Tenure:
    """How long this incarnation may go on, judged by what the database acknowledged. Safe across threads."""

    def __init__(self, length: timedelta) -> None:
        self.length = length
        self.length_s = length.total_seconds()
        self.renewal_s = self.length_s / PARTS
        self._until = float("-inf")

    def renewed(self, sent: float) -> float:
        """Note a renewal that was sent at `sent`, since boot; return the seconds until everything must be dead."""
        self._until = sent + self.length_s - self.renewal_s
        return self.left_s

    @property
    def left_s(self) -> float:
        """Seconds until everything that runs must be dead; negative once that is over."""
        return self._until - since_boot()

    @property
    def is_good(self) -> bool:
        """Whether a claim may be made."""
        return self.left_s > 0
