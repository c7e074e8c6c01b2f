"""How a Python process is set up for much work in few threads, for as long as that lasts."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_S = 0.0005  # how long a thread of Python may keep the others waiting
GARBAGE_MIN = 200_000  # objects, about four batches of them, before Python looks for cycles


@contextmanager
def tuned() -> Iterator[None]:
    """Have threads take turns sooner, and garbage be looked for more seldom, while the block lasts."""
    thresholds, switch = gc.get_threshold(), sys.getswitchinterval()
    # A projector's thread that writes waits for the server a dozen times a batch, and each time after that for the
    # folding one's turn to end: at Python's default of 5 ms that is longer than the server takes. So does a worker's
    # that claims for the one that hears its launcher.
    sys.setswitchinterval(SWITCH_S)
    # Events and jobs are many and hold no cycles: looking for some after every 700 takes as long as all the rest.
    gc.set_threshold(GARBAGE_MIN)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(switch)
