"""How long a job waits after a failed attempt.

Pure arithmetic over a frozen value; chance is an argument, so a test needs no patience and no luck.
"""

from datetime import timedelta
from typing import Annotated

import msgspec

LONGEST_S = 100 * 365 * 86_400.0
"""A century, in seconds: the longest duration that is let in, so that no sum leaves the calendar."""

LEAST_S, LEAST_OF_MANY_S = 0.01, 1.0
MANY = 100  # failures since the budget was opened

Seconds = Annotated[float, msgspec.Meta(ge=0, le=LONGEST_S)]
Fraction = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Backoff(msgspec.Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """Exponential backoff: `base` to the power of the failure's number, at most `cap`, both in seconds.

    But never less than ten milliseconds, and a second from the hundredth failure on: each retry is written down for
    ever, and a job that fails at once is not to fill the log.
    """

    base: Seconds = 2.0
    cap: Seconds = 3600.0
    jitter: Fraction = 0.1  # the part of a delay that chance may add to it, so that a crowd spreads out

    def delay(self, failure: int, chance: float = 0.0) -> timedelta:
        """Return the wait after failure number `failure` (from 1); `chance` in 0..1 picks the jitter."""
        try:
            plain = min(self.cap, self.base**failure)
        except OverflowError:
            plain = self.cap
        plain = max(plain, LEAST_S if failure < MANY else LEAST_OF_MANY_S)
        # Whole milliseconds, as BSON dates count: what is folded here must equal what is read back.
        return timedelta(milliseconds=round(1000 * plain * (1 + self.jitter * chance)))
