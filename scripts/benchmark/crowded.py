"""`crowded`: a drain in a database full of other jobs, beside the same drain in an empty one."""

from statistics import mean

from eventqueue.connect import open_client
from eventqueue.mongo.ground import Ground, stand_on
from scripts.benchmark.asked import Asked
from scripts.benchmark.drain import drained
from scripts.benchmark.events import NO_OP, Kind, births, whole_lives
from scripts.benchmark.measure import Figures
from scripts.benchmark.processes import rebuild
from scripts.benchmark.server import Place

JOBS = 20_000
OTHERS = 1_000_000
EMPTY, CROWDED = ("empty", "still-empty"), "crowded"
WAITING = Kind(queue="elsewhere", output=None)


def run(place: Place, asked: Asked) -> Figures:
    """`raw` is the rate in an empty database; half of the others are pending in another queue, half are completed.

    Empty, crowded, crowded, empty: what a server does differently with its age weighs on both alike.
    """
    jobs, others = asked.jobs or JOBS, asked.others or OTHERS
    with open_client(place.uri) as client:
        full = stand_on(client[CROWDED])
        _crowd(full, 2 * jobs, others)
        rebuild(place, CROWDED, "rebuild", None)  # as fast as views can be had
        before = drained(place, stand_on(client[EMPTY[0]]), jobs, Asked(workers=asked.workers))
        crowded = [drained(place, full, jobs, asked, first=first) for first in (0, jobs)]
        after = drained(place, stand_on(client[EMPTY[1]]), jobs, Asked(workers=asked.workers))
    rate, raw = mean(one.rate for one in crowded), mean((before.rate, after.rate))
    sustained = mean(one.sustained_rate for one in crowded)
    return {
        "workers": asked.workers,
        "others": others,
        "rate": rate,
        "unit": "jobs/s",
        "raw": raw,
        "ratio": rate / raw,
        "sustained_rate": sustained,
        "sustained_ratio": sustained / mean((before.sustained_rate, after.sustained_rate)),
        "cpu_us": crowded[0].cpu_us,
    }


def _crowd(ground: Ground, first: int, others: int) -> None:
    now, middle, last = ground.clock.now(), first + others // 2, first + others
    for batch in births(first, middle, now, WAITING):
        ground.log.append(batch)
    for batch in whole_lives(middle, last, now, NO_OP):
        ground.log.append(batch)
