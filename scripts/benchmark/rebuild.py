"""`rebuild`: all views built anew from a log that is there; and the same views verified."""

from eventqueue.connect import open_client
from eventqueue.mongo.ground import stand_on
from scripts.benchmark.asked import Asked
from scripts.benchmark.events import whole_lives
from scripts.benchmark.measure import Figures
from scripts.benchmark.processes import rebuild
from scripts.benchmark.raw import decode_rate
from scripts.benchmark.server import Place

JOBS = 40_000
DATABASE = "rebuild"


def run(place: Place, asked: Asked) -> Figures:
    """`raw` is the rate at which a bare cursor decodes the same events; `verify_rate` that of proving the views."""
    with open_client(place.uri) as client:
        ground = stand_on(client[DATABASE])
        total = 0
        for batch in whole_lives(0, asked.jobs or JOBS, ground.clock.now()):
            ground.log.append(batch)
            total += len(batch)
        raw = decode_rate(ground.database["events"])
        took, peak = rebuild(place, DATABASE, "rebuild", asked.profiles)
        verified, _ = rebuild(place, DATABASE, "verify", asked.profiles)
    return {
        "workers": 0,
        "rate": total / took,
        "unit": "events/s",
        "raw": raw,
        "ratio": total / took / raw,
        "verify_rate": total / verified,
        "verify_to_rebuild": verified / took,
        "rss_mb": peak,
        "events": total,
    }
