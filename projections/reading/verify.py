"""Folds the log afresh and holds the live views against it, while traffic flows.

A job's view at version v must equal the fold of its first v events, whenever it is read. Counters are compared at one
point, the checkpoint: they are read in one snapshot with it, and what the log has beyond it is learnt from its tail.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from eventqueue.model.events import Recorded, category_of, name_in, stream_of
from eventqueue.mongo.errors import translated
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.log import PLACED
from eventqueue.ports.views import Difference
from projections.folds.decoding import CHUNK, Poison, whole_streams
from projections.folds.projection import Projection
from projections.reading.point import Point

PASSES = 4


def verify(
    ground: Ground, projections: Sequence[Projection], progress: Callable[[int], object] = lambda _: None
) -> Iterator[Difference]:
    """Yield everything in which the live views differ from the log's fold; `progress`: told the events read so far.

    Raises Fenced where the views are switched meanwhile: begin again. Refused where they are of other projections.
    """
    with Point(ground, projections) as point:
        low, done = "", 0
        # Each pass no further than to what is the last job then: those who append may be faster, and there would be no
        # end. What is left after these is read job by job.
        for _ in range(PASSES):
            last = ground.log.last_stream("job")
            for streams in _streams(ground, "job", stream_of("job", low) if low else None, last):
                high = list(streams)[-1]
                yield from point.jobs_between(point.shown_between(low, name_in(high)), streams)
                low, done = name_in(high), done + sum(map(len, streams.values()))
                progress(done)
        yield from point.jobs_between(point.shown_between(low, None), {})
        yield from point.strays()
        yield from point.held_back()
        for streams in _streams(ground, "late"):
            yield from point.late_results(streams)
            done += sum(map(len, streams.values()))
            progress(done)
        yield from point.counters()


def verify_jobs(
    ground: Ground, projections: Sequence[Projection], ids: Iterable[str], progress: Callable[[int], object]
) -> Iterator[Difference]:
    """As `verify`, for some jobs alone and without the counters; `progress`: told the jobs looked at so far."""
    with Point(ground, projections, counts=False) as point:
        for done, job_id in enumerate(ids, start=1):
            yield from point.jobs_of([job_id])
            progress(done)
        yield from point.held_back()


def sample(ground: Ground, count: int) -> list[str]:
    """Return the ids of up to `count` jobs of the log, picked at random; those with more events are likelier."""
    events = ground.database["events"]
    with translated():
        found = events.aggregate(
            [{"$sample": {"size": 4 * count}}, {"$match": PLACED}, {"$project": {"stream": "$_id.stream"}}]
        )
        streams = (one["stream"] for one in found)
        names = [name_in(stream) for stream in streams if category_of(stream) == "job"]
    return list(dict.fromkeys(names))[:count]


def _streams(
    ground: Ground, category: str, after: str | None = None, last: str | None = None
) -> Iterator[dict[str, list[Recorded | Poison]]]:
    """Yield whole streams, those behind `after` up to `last`, about CHUNK events at a time."""
    for run, _ in whole_streams(ground.log.scan_batches(category, after, last), CHUNK):
        yield {stream: list(events) for stream, events in groupby(run, attrgetter("stream"))}
