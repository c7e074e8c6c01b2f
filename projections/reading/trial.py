"""A projection run over old events beside the live views: it counts in memory, and nothing is written."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial

from eventqueue.model.events import Recorded, name_in, stream_of
from eventqueue.model.job import Job, fold
from eventqueue.model.moments import moment_of
from eventqueue.mongo.ground import Ground
from eventqueue.ports.views import TOLD_MAX, ParkedJob, Trial
from projections.folds.decoding import CHUNK, read, whole_streams
from projections.folds.folding import Events, Folding, Seat, jobs_in
from projections.folds.projection import Counters, Projection, Tally, add, no_counters

LATE_CHUNK = 200  # late results, the jobs of which are read whole


def trial(ground: Ground, projection: Projection, since: datetime | None, progress: Callable[[int], object]) -> Trial:
    """Return what a projection counts of the events that the log took from `since` on; None: of all.

    What it refuses is told, and its job counted no further, as in live views. `progress` is told how many events were
    gone through. Raises Unavailable.
    """
    return _Trial(ground, projection, since, progress).run()


class _Since:
    """A projection that counts nothing of what was before a time, though it is shown all."""

    def __init__(self, projection: Projection, since: datetime | None) -> None:
        self.name = projection.name
        self.version = projection.version
        self._projection = projection
        self._since = since

    def tally(self, before: Job | None, after: Job, recorded: Recorded) -> Tally:
        """See Projection.tally."""
        if self._since is not None:
            taken = moment_of(recorded)
            if taken is None or taken < self._since:
                return {}
        return self._projection.tally(before, after, recorded)


class _Trial:
    def __init__(
        self, ground: Ground, projection: Projection, since: datetime | None, progress: Callable[[int], object]
    ) -> None:
        self._log = ground.log
        self._name = projection.name
        self._folding = Folding([_Since(projection, since)], partial(read, ground.log))
        self._progress = progress
        self._counters: Counters = no_counters()
        self._refused: list[ParkedJob] = []
        self._refused_number = self._gone_through = 0

    def run(self) -> Trial:
        for events, _ in whole_streams(self._log.scan_batches("job"), CHUNK):
            self._take(events, {job_id: Seat() for job_id in jobs_in(events)})
        for events, _ in whole_streams(self._log.scan_batches("late"), LATE_CHUNK):
            self._take(events, self._standing(jobs_in(events)))
        ordered = sorted(self._counters.items(), key=lambda one: [(isinstance(part, str), part) for part in one[0]])
        return Trial(
            counters=[(list(key), dict(counts)) for key, counts in ordered],
            applied=self._gone_through,
            refused=self._refused,
            refused_number=self._refused_number,
        )

    def _take(self, events: Events, seats: Mapping[str, Seat]) -> None:
        folded = self._folding.fold(events, seats)
        add(self._counters, folded.tallies.get(self._name, {}))
        for job_id, seat in seats.items():
            if seat.parked is not None:
                self._refused_number += 1
                if len(self._refused) < TOLD_MAX:
                    self._refused.append(ParkedJob(job_id, seat.parked.projection, seat.parked.problem))
        self._gone_through += len(events)
        self._progress(self._gone_through)

    def _standing(self, jobs: Iterable[str]) -> Mapping[str, Seat]:
        """Return the seats of jobs as they stand, for what came late for them."""
        histories = self._log.read_many([stream_of("job", job_id) for job_id in jobs])
        folds = {name_in(stream): fold(history) for stream, history in histories.items()}
        return {job_id: Seat(folds.get(job_id), folds.get(job_id)) for job_id in jobs}
