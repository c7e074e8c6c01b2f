"""`crowded`: a drain in a database full of other jobs, beside the same drain in an empty one."""

from eventqueue.connect import open_client
from eventqueue.ground import Ground, stand_on
from scripts.benchmark.asked import Asked
from scripts.benchmark.drain import drained
from scripts.benchmark.events import NO_OP, Kind, births, whole_lives
from scripts.benchmark.measure import Figures
from scripts.benchmark.processes import rebuild
from scripts.benchmark.server import Place

JOBS = 20_000
OTHERS = 1_000_000
EMPTY, CROWDED = "empty", "crowded"
WAITING = Kind(queue="elsewhere", output=None)


def run(place: Place, asked: Asked) -> Figures:
    """`raw` is the rate in the empty database; half of the others are pending in another queue, half are completed."""
    jobs, others = asked.jobs or JOBS, asked.others or OTHERS
    with open_client(place.uri) as client:
        empty = drained(place, stand_on(client[EMPTY]), jobs, Asked(workers=asked.workers))
        ground = stand_on(client[CROWDED])
        _crowd(ground, jobs, others)
        rebuild(place, CROWDED, "rebuild", None)  # as fast as views can be had
        found = drained(place, ground, jobs, asked)
    return {
        "workers": asked.workers,
        "others": others,
        "rate": found.rate,
        "unit": "jobs/s",
        "raw": empty.rate,
        "ratio": found.rate / empty.rate,
        "sustained_rate": found.sustained_rate,
        "sustained_ratio": found.sustained_rate / empty.sustained_rate,
        "cpu_us": found.cpu_us,
    }


def _crowd(ground: Ground, first: int, others: int) -> None:
    now, middle, last = ground.clock.now(), first + others // 2, first + others
    for batch in births(first, middle, now, WAITING):
        ground.log.append(batch)
    for batch in whole_lives(middle, last, now, NO_OP):
        ground.log.append(batch)
