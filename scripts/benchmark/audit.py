"""`audit`: what it takes to look back in a log of four weeks, at the queue as it was, and at its events."""

import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from statistics import median

from eventqueue import Filter, Queue
from eventqueue.audit.wanted import Wanted
from scripts.benchmark.asked import Asked
from scripts.benchmark.fill import DATABASE, SPAN, Shape, fill
from scripts.benchmark.measure import Figures
from scripts.benchmark.server import Place

JOBS = 320_000  # of which the log has a million events
TIMES = 20  # that are looked at: in the last hour, the last day, and all four weeks
REACHES = (timedelta(hours=1), timedelta(days=1), SPAN * 0.95)
LISTED, READ = 50, 1000  # jobs, events
LOOKS = ("status_at", "list_at", "show_at", "events_since")


def run(place: Place, asked: Asked) -> Figures:
    """Medians in milliseconds of `status_at`, `list_at`, `show_at` and `events_since` (a thousand events from a time
    on), and the longest that any of the first three took; `rate`: how many events a second the last of them reads.

    With `--into` on a server that `fill` has filled already, if it has.
    """
    uri = asked.into or place.uri
    with Queue(uri, DATABASE) as queue:
        if not queue.log_size():
            fill(uri, DATABASE, asked.jobs or JOBS, Shape())
        queue.status()  # for which the views are built, if they are not there
        found = {name: [_look(queue, name, moment) for moment in _moments(queue, name)] for name in LOOKS}
        events = queue.log_size()
    return {
        "workers": 0,
        "rate": READ / median(found["events_since"]),
        "unit": "events/s",
        "raw": None,
        "ratio": None,
        "events": events,
        **{f"{name}_ms": 1000 * median(seconds) for name, seconds in found.items()},
        "longest_ms": 1000 * max(max(found[name]) for name in ("status_at", "list_at", "show_at")),
    }


def _moments(queue: Queue, name: str) -> Iterator[datetime]:
    chance, now = random.Random(name), queue.connection.ground.clock.now()
    for number in range(TIMES):
        yield now - chance.random() * REACHES[number % len(REACHES)]


def _seconds(look: Callable[[], object]) -> float:
    began = time.perf_counter()
    look()
    return time.perf_counter() - began


def _look(queue: Queue, name: str, moment: datetime) -> float:
    match name:
        case "status_at":
            return _seconds(lambda: queue.at(moment).status())
        case "list_at":
            return _seconds(lambda: queue.at(moment).list(Filter(limit=LISTED)))
        case "show_at":
            (job,) = queue.at(moment).list(Filter(limit=1)).jobs
            return _seconds(lambda: queue.at(moment).get(job.id))
        case _:
            return _seconds(lambda: list(islice(queue.events(Wanted(since=moment)), READ)))
