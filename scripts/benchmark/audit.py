"""`audit`: what it takes to look back in a log of four weeks, and to prove it."""

import random
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from statistics import median

from eventqueue import Filter, Queue
from eventqueue.api.sealing import Seals
from eventqueue.audit.wanted import Wanted
from eventqueue.sealing.holding import hold
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
    on), and the longest that any of the first three took; `rate`: how many events a second an audit of everything holds
    against the rules and the views. `seal_rate`: how many a second are sealed, where none were yet; `against_rate`: how
    many are held against the seals; `prove_ms`: a proof of one job.

    With `--into` on a server that `fill` has filled already, if it has.
    """
    uri = asked.into or place.uri
    with Queue(uri, DATABASE) as queue:
        if not queue.log_size():
            fill(uri, DATABASE, asked.jobs or JOBS, Shape())
        queue.status()  # for which the views are built, if they are not there
        found = {name: [_look(queue, name, moment) for moment in _moments(queue, name)] for name in LOOKS}
        events = queue.log_size()
        proofs = _proofs(queue)
    return {
        "workers": 0,
        "rate": proofs.pop("verify_rate"),
        "unit": "events/s",
        "raw": None,
        "ratio": None,
        "events": events,
        **{f"{name}_ms": 1000 * median(seconds) for name, seconds in found.items()},
        **proofs,
        "longest_ms": 1000 * max(max(found[name]) for name in ("status_at", "list_at", "show_at")),
    }


def _proofs(queue: Queue) -> dict[str, float]:
    seals, ground = Seals(queue.connection), queue.connection.ground
    events = queue.log_size()
    sealing_s = _seconds(lambda: seals.seal(None))
    auditing_s = _seconds(queue.verify_all)
    holding_s = _seconds(lambda: list(hold(ground, seals.all())))
    (job,) = queue.list(Filter(limit=1)).jobs
    proving = [_seconds(lambda: seals.prove(job.id, None)) for _ in range(3)]
    return {
        "verify_rate": events / auditing_s,
        "seal_rate": events / sealing_s,
        "against_rate": events / holding_s,
        "prove_ms": 1000 * median(proving),
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
