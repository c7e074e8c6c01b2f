"""The time since boot, which goes on while the machine sleeps: by it leases end, whoever slept.

Python's `time.monotonic` stands still in a suspended machine. Stdlib only: the launcher imports this.
"""

import time


def since_boot() -> float:
    """Return seconds since boot, the time of sleep among them; the same in all processes of a host."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
