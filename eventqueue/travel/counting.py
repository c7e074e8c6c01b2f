"""How many jobs of each queue were in which state at a moment, exactly.

The counters tell it of an edge near by, before which they miss nothing (`Views.counted_near`); what moved between that
and the moment is told by the log, event by event. So nothing has to stand still: what is appended, or applied to the
views, while this reads is later than both. Where there are no counters all of the log is gone through.

A job whose view stands still is counted as it stood there, as it is live.

The type of an event tells from which state to which it took the job; of one that was retried or cancelled the event
before it does. The queue is told by the job's first event, and by those that moved it into another.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from eventqueue.model.codec import EPOCH
from eventqueue.model.events import category_of, stream_of
from eventqueue.model.job import State
from eventqueue.model.marks import Mark
from eventqueue.mongo.past import Past
from eventqueue.ports.views import Counted, Counts, Views
from eventqueue.travel.moves import AFTER, BEFORE, Tally

AT_ONCE = 2000  # events of which what has to be known besides is asked for together
KNOWN_MAX = 50_000  # jobs of which the queue is remembered
OF_JOBS = {"type": {"$in": list(AFTER)}}


def counts(past: Past, views: Views) -> Mapping[str, Counts]:
    """Return the number of jobs by queue and state, of the queues that had one by then. Raises Unavailable."""
    near = views.counted_near(past.moment) or Counted(EPOCH, {})
    tally, moving = Tally(near.queues), _Moving(past, near.parked)
    if near.edge > past.moment:
        moving.count(past.beyond(near.edge, OF_JOBS), tally, -1)
    else:
        moving.count(past.since(near.edge, OF_JOBS), tally, 1)
    return tally.counts()


class _Moving:
    """Counts events of jobs, and remembers the queues of those that it has met."""

    def __init__(self, past: Past, parked: Mapping[str, int]) -> None:
        self._past = past
        self._parked = {stream_of("job", job_id): version for job_id, version in parked.items()}
        self._queues: dict[str, dict[int, str]] = {}  # by stream, from which version on the job was in which

    def count(self, marks: Iterable[Mark], tally: Tally, times: int) -> None:
        """Count each event once, or take it back."""
        left = (one for one in marks if category_of(one.stream) == "job" and self._is_counted(one))
        while some := list(islice(left, AT_ONCE)):
            self._learn(some)
            before = self._before(some)
            for one in some:
                if one.queue is not None and one.left is not None:
                    tally.shift(one.left, one.queue, AFTER[one.type], times)
                elif (queue := self._queue_at(one)) is not None:
                    tally.move(queue, before[one.stream, one.version], AFTER[one.type], times)

    def _is_counted(self, one: Mark) -> bool:
        return one.version <= self._parked.get(one.stream, one.version)

    def _learn(self, some: Sequence[Mark]) -> None:
        if len(self._queues) > KNOWN_MAX:
            self._queues.clear()
        for one in some:
            if one.queue is not None:
                self._queues.setdefault(one.stream, {})[one.version] = one.queue
        unknown: dict[str, int] = {}
        for one in some:
            if self._queue_at(one) is None:
                unknown.setdefault(one.stream, one.version)
        for stream, queues in self._past.queues_before(unknown).items():
            self._queues.setdefault(stream, {}).update(queues)

    def _queue_at(self, one: Mark) -> str | None:
        known = self._queues.get(one.stream, {})
        version = max((version for version in known if version <= one.version), default=None)
        return None if version is None else known[version]

    def _before(self, some: Sequence[Mark]) -> Mapping[tuple[str, int], State | None]:
        doubtful = [one for one in some if one.type not in BEFORE]
        found = self._past.at([(one.stream, one.version - 1) for one in doubtful])
        earlier = {place: AFTER.get(one.type) for place, one in found.items()}
        sure = {(one.stream, one.version): BEFORE[one.type] for one in some if one.type in BEFORE}
        return sure | {(one.stream, one.version): earlier.get((one.stream, one.version - 1)) for one in doubtful}
