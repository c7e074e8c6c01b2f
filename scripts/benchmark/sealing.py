"""`sealing`: what it costs those who work that the log is sealed meanwhile: `drain` without and with who seals it.

The births of the jobs are in the log by then, and not sealed: so there is more to seal than a drain itself brings.
"""

from contextlib import ExitStack

from eventqueue.connect import open_client
from eventqueue.mongo.ground import stand_on
from eventqueue.sealing import stored
from scripts.benchmark.asked import Asked
from scripts.benchmark.drain import drained
from scripts.benchmark.measure import Figures
from scripts.benchmark.processes import sealer
from scripts.benchmark.server import Place

JOBS = 200_000  # which take longer than who seals waits before he does it


def run(place: Place, asked: Asked) -> Figures:
    """`rate` with who seals, in jobs settled a second; `ratio`: what part that is of the rate without; and `seals`."""
    without, _ = _drained(place, asked, is_sealed=False)
    rate, seals = _drained(place, asked, is_sealed=True)
    return {
        "workers": asked.workers,
        "rate": rate,
        "unit": "jobs/s",
        "raw": None,
        "ratio": rate / without,
        "without": without,
        "seals": seals,
    }


def _drained(place: Place, asked: Asked, *, is_sealed: bool) -> tuple[float, int]:
    """Return the rate of a drain, and how many seals the log has behind it."""
    name = "sealed" if is_sealed else "unsealed"
    with open_client(place.uri) as client, ExitStack() as stack:
        ground = stand_on(client[name])
        if is_sealed:
            stack.enter_context(sealer(place, name, asked.profiles))
        rate = drained(place, ground, asked.jobs or JOBS, asked).rate
        last = stored.last(ground.log)
    return rate, 0 if last is None else last.said.number
