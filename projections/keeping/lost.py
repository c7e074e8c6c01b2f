"""What views have shown that the log holds no more, found out before they are built anew: they are all that tells.

A backup that was restored looks like that, and so does a log from which somebody has removed events.
"""

from collections.abc import Iterator
from contextlib import suppress
from itertools import chain, islice

import bson
import msgspec

from eventqueue.errors import ViewsDamaged
from eventqueue.model.codec import LENIENT, NAME_MAX
from eventqueue.model.events import stream_of
from eventqueue.model.upkeep import Lost
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.slices import slices
from projections.keeping import checkpoint
from projections.keeping.checkpoint import Checkpoint
from projections.keeping.generation import Generation, current
from projections.keeping.provenance import is_in_log

NAMED = 20  # jobs
AT_ONCE = 1000


def lost(ground: Ground) -> Lost | None:
    """Return what the last views have that the log has not; None where it has all of it. Writes nothing."""
    held = _last_live(ground)
    if held is None or held.last is None:
        return None
    beyond = _beyond(ground, Generation(ground.database, held.generation))
    such = list(islice(beyond, NAMED))
    if not is_in_log(held, ground.log):
        stream, version = held.last.stream, held.last.version
    elif such:  # whoever removed it left what came last
        stream, version = stream_of("job", such[0][0]), such[0][1]
    else:
        return None
    jobs, names = len(such) + sum(1 for _ in beyond), tuple(job_id for job_id, _ in such)
    return Lost(stream=stream, version=version, events=held.applied, jobs=jobs, such=names)


def _last_live(ground: Ground) -> Checkpoint | None:
    """Return the checkpoint of the live views; where they were retracted, of the newest that there are."""
    live = current(ground.database)
    left = [
        one
        for one in _checkpoints(ground)
        if one.moved_at is not None and one.log == ground.log_id and (live is None or one.generation == live.number)
    ]
    return max(left, key=lambda one: one.generation, default=None)


def _checkpoints(ground: Ground) -> Iterator[Checkpoint]:
    with translated():
        documents = list(checkpoint.checkpoints(ground.database).find())
    for document in documents:
        # Views whose checkpoint somebody has spoilt are built anew all the same.
        with suppress(ViewsDamaged, msgspec.ValidationError):
            yield checkpoint.parsed(document)


def _beyond(ground: Ground, views: Generation) -> Iterator[tuple[str, int]]:
    """Yield the jobs whose view has seen an event that is not in the log, each with its version."""
    only = {"version": 1}
    # Whatever somebody has put there: it is to be thrown away, and must not keep what comes from being built.
    stored = chain.from_iterable(bson.decode_all(batch, LENIENT) for batch in slices(views.jobs, {}, fields=only))
    seen: dict[str, int] = {}
    for document in stored:
        job_id, version = document["_id"], document.get("version")
        if isinstance(job_id, str) and len(job_id) <= NAME_MAX and isinstance(version, int):
            seen[job_id] = version
        if len(seen) == AT_ONCE:
            yield from _missing(ground, seen)
            seen = {}
    yield from _missing(ground, seen)


def _missing(ground: Ground, seen: dict[str, int]) -> list[tuple[str, int]]:
    places = [{"stream": stream_of("job", job_id), "version": version} for job_id, version in seen.items()]
    with translated():
        found = {one["_id"]["stream"] for one in ground.database["events"].find({"_id": {"$in": places}}, {"_id": 1})}
    return [(job_id, version) for job_id, version in seen.items() if stream_of("job", job_id) not in found]
