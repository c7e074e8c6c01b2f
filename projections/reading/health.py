"""How the views are kept: who works, how fast, how far behind. Whoever asks waits for nothing and changes nothing."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pymongo.read_preferences import ReadPreference

from eventqueue.errors import HistoryLost
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import BUILDING, PROJECTING, Holder, Lease, Told
from eventqueue.ports.views import MISSING_MAX, TOLD_MAX, Activity, Lag, ParkedJob, ViewHealth
from projections.keeping import checkpoint
from projections.keeping.checkpoint import Checkpoint, token_time
from projections.keeping.generation import PARKED, Generation
from projections.keeping.integrity import damage
from projections.keeping.provenance import is_in_log, recorded
from projections.reading.freshness import measure

PLACE = ["stream", "version"]
STALLED = timedelta(seconds=5)  # events are missing, and for so long none was applied


def projections(ground: Ground) -> list[ViewHealth]:
    """Return each projection's view as it stands: the live ones, then those that are being built."""
    live = recorded(ground)
    return [*([] if live is None else _live(ground, live)), *_built(ground, live)]


def lag_of(ground: Ground, held: Checkpoint | None) -> Lag:
    """Return how far the views at `held` are behind the log as it is now."""
    if held is None or not is_in_log(held, ground.log) or damage(ground.database, held) is not None:
        return Lag(None)
    try:
        return measure(ground.database, held, ground.clock.now(), majority_time(ground.database))
    except HistoryLost:
        return Lag(None)


def skipped(ground: Ground) -> tuple[int, str | None]:
    """Return how many events the views pass over since they stand in no stream known here, and where one does.

    Counted in the log, by its index, and not while they pass: so it is right after a rebuild and a re-scan, too.
    """
    found = ground.log.find_outside(TOLD_MAX)
    named = [f"{one['stream']} version {one['version']}" if list(one) == PLACE else str(one) for one in found[:1]]
    return len(found), next(iter(named), None)


def parked(generation: Generation) -> list[ParkedJob]:
    """Return the jobs whose view stands still, as many of them as are named."""
    with translated():
        found = generation.jobs.find(PARKED, {"parked": 1}).limit(TOLD_MAX)
        return [_parked(one) for one in found]


def parked_job(generation: Generation, job_id: str) -> ParkedJob | None:
    """Return why one job's view stands still, None if it does not."""
    with translated():
        found = generation.jobs.find_one({"_id": job_id, **PARKED}, {"parked": 1})
    return None if found is None else _parked(found)


def _parked(document: Mapping[str, Any]) -> ParkedJob:
    return ParkedJob(document["_id"], document["parked"]["projection"], document["parked"]["problem"])


def _live(ground: Ground, held: Checkpoint) -> list[ViewHealth]:
    lease = Lease(ground.database, PROJECTING, "nobody")
    holder, told = lease.holder(), lease.told()
    is_live = holder is not None and holder.is_live
    lag = lag_of(ground, held)
    stands_still = parked(Generation(ground.database, held.generation))
    passed_over, first = skipped(ground)
    left = 0 if lag.is_fresh else missing(ground, held)
    return [
        ViewHealth(
            name=name,
            version=version,
            generation=held.generation,
            activity=_activity(lag, held, holder, ground.clock.now()),
            holder=holder.name if holder and is_live else None,
            applied=held.applied,
            rate=told.rate if is_live else None,
            lag=lag,
            lag_events=left,
            caught_up_at=_caught_up_at(ground, held, lag, told),
            parked=tuple(one for one in stands_still if one.projection == name),
            skipped=passed_over,
            skipped_first=first,
            note=_damaged(ground, held) or (None if is_live else told.left),
        )
        for name, version in held.projections.items()
    ]


def _damaged(ground: Ground, held: Checkpoint) -> str | None:
    problem = damage(ground.database, held)
    return None if problem is None else f"the views are damaged: {problem}; whoever projects builds them anew"


def _activity(lag: Lag, held: Checkpoint, holder: Holder | None, now: datetime) -> Activity:
    if lag.seconds is None:
        return Activity.UNKNOWN
    if lag.is_fresh:
        return Activity.CAUGHT_UP
    if holder is None or not holder.is_live:
        return Activity.UNATTENDED
    stood = timedelta.max if held.moved_at is None else now - held.moved_at
    is_old = lag.seconds > STALLED.total_seconds()
    return Activity.STALLED if is_old and stood > STALLED else Activity.AT_WORK


def _caught_up_at(ground: Ground, held: Checkpoint, lag: Lag, told: Told) -> datetime | None:
    if lag.is_fresh:
        return ground.clock.now()
    # Up to the checkpoint's own time everything is in the views, whatever a projector had the time to tell.
    at = token_time(held.token).as_datetime()
    return at if told.caught_up_at is None else max(at, told.caught_up_at)


def missing(ground: Ground, held: Checkpoint) -> int:
    """Return how many events the views at `held` have not, up to MISSING_MAX."""
    with translated():
        events = ground.database.get_collection("events", read_preference=ReadPreference.PRIMARY)
        return events.count_documents({"ts": {"$gt": token_time(held.token)}}, limit=MISSING_MAX)


def _built(ground: Ground, live: Checkpoint | None) -> list[ViewHealth]:
    builder = Lease(ground.database, BUILDING, "nobody").holder()
    if builder is None or not builder.is_live:
        return []
    return [
        ViewHealth(
            name=name,
            version=version,
            generation=one.generation,
            activity=Activity.BUILDING,
            holder=builder.name,
            applied=one.built or one.applied,
        )
        for one in checkpoint.read_all(ground.database)
        if (live is None or one.generation > live.generation)
        for name, version in one.projections.items()
    ]
