"""What an event's type alone tells of the state around it, by the table of what is legal. Pure."""

from collections.abc import Mapping, Sequence

from eventqueue.model.events import Amended, RetryAmended
from eventqueue.model.job import LEGAL, State
from eventqueue.ports.views import Counts

TYPES = {kind: str(kind.__struct_config__.tag) for kind in LEGAL}

AFTER: Mapping[str, State] = {TYPES[kind]: after for kind, (_, after) in LEGAL.items()}
"""By an event's type, the state that it leads to."""

BEFORE: Mapping[str, State | None] = {
    TYPES[kind]: next(iter(before)) for kind, (before, _) in LEGAL.items() if len(before) == 1
}
"""By an event's type, the state that it comes from, None: there was no job; where it is always the same."""


def leading_to(*states: State) -> list[str]:
    """Return the types of the events after which a job is in one of `states`."""
    return [name for name, after in AFTER.items() if after in states]


AMENDING: Sequence[str] = (TYPES[Amended], TYPES[RetryAmended])
"""The types of the events that may move a job into another queue, or give it other tags."""


class Tally:
    """How many jobs of each queue are in which state, counted event by event."""

    def __init__(self, begin: Mapping[str, Counts]) -> None:
        self._counts: dict[str, dict[State, int]] = {queue: dict(counts) for queue, counts in begin.items()}

    def move(self, queue: str, before: State | None, after: State, times: int) -> None:
        """Count an event that took a job from one state to another; `times` is -1 for one that is taken back."""
        counts = self._counts.setdefault(queue, {})
        if before is not None:
            counts[before] = counts.get(before, 0) - times
        counts[after] = counts.get(after, 0) + times

    def shift(self, left: str, queue: str, state: State, times: int) -> None:
        """As `move`, of one that took a job into another queue."""
        for name, by in ((left, -times), (queue, times)):
            counts = self._counts.setdefault(name, {})
            counts[state] = counts.get(state, 0) + by

    def counts(self) -> Mapping[str, Counts]:
        """Return what is counted, of the queues in which there is a job."""
        return {queue: counts for queue, counts in sorted(self._counts.items()) if any(counts.values())}
