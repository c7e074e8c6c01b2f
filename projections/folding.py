"""A batch of events folded into what it changes: each job once, each counter once. Pure.

Events are applied to exactly the version before them: older ones are duplicates, a hole is repaired by reading the
stream, and an event that a function refuses parks its job, so that all the others keep flowing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from eventqueue.errors import LogCorrupt, UnknownEventType
from eventqueue.events import Recorded, category_of, name_in, stream_of
from eventqueue.job import Job, evolve
from projections.projection import Projection, Tally
from projections.tail import Poison

Repair = Callable[[str, int], Sequence[Recorded]]
"""(stream, version) -> the stream's events after that version, as the log has them now."""


@dataclass(slots=True)
class Seat:
    """One job's place in a batch: as the view has it, and as the batch leaves it."""

    before: Job | None = None
    after: Job | None = None
    late_before: int = 0  # the last version of `late-<job>` that was counted
    late: int = 0
    parked_before: str | None = None
    parked: str | None = None  # why its view stands still
    ready_before: bool | None = None

    @property
    def is_changed(self) -> bool:
        """Whether the view has to be written."""
        changed = self.after is not self.before
        return changed or self.late != self.late_before or self.parked != self.parked_before


@dataclass(slots=True)
class Folded:
    """What a batch changes in the views."""

    seats: Mapping[str, Seat]
    tallies: dict[str, dict[tuple[str | int, ...], dict[str, int]]] = field(default_factory=dict)
    applied: int = 0
    last: Recorded | None = None


def jobs_in(events: Iterable[Recorded | Poison]) -> set[str]:
    """Return the ids of the jobs that a batch's events are about."""
    return {name_in(event.stream) for event in events if category_of(event.stream) in ("job", "late")}


class Folding:
    """Folds batches for a set of projections; `repair` reads a stream where the batch shows a hole."""

    def __init__(self, projections: Sequence[Projection], repair: Repair) -> None:
        self._projections = projections
        self._repair = repair

    def fold(self, events: Iterable[Recorded | Poison], seats: Mapping[str, Seat]) -> Folded:
        """Fold `events`, in order, into `seats`, which holds one for each of their jobs."""
        folded = Folded(seats)
        folded.tallies = {one.name: defaultdict(lambda: defaultdict(int)) for one in self._projections}
        for event in events:
            if not isinstance(event, Poison):
                folded.last = event
            category = category_of(event.stream)
            if category in ("job", "late"):
                self._seat(folded, seats[name_in(event.stream)], event, is_late=category == "late")
        return folded

    def _seat(self, folded: Folded, seat: Seat, event: Recorded | Poison, *, is_late: bool) -> None:
        if is_late and seat.after is None and seat.parked is None:
            # A scan can meet the result and not the job, which was enqueued behind its back.
            self._replay(folded, seat, self._read(seat, stream_of("job", name_in(event.stream)), 0), 0)
        seen = seat.late if is_late else _version(seat)
        if event.version <= seen or seat.parked is not None:
            return
        if isinstance(event, Poison):
            seat.parked = event.problem
        elif event.version == seen + 1:
            self._apply(folded, seat, event, is_late=is_late)
        else:
            self._mend(folded, seat, event, seen, is_late=is_late)

    def _mend(self, folded: Folded, seat: Seat, event: Recorded, seen: int, *, is_late: bool) -> None:
        missing = [one for one in self._read(seat, event.stream, seen) if one.version <= event.version]
        self._replay(folded, seat, missing, seen, is_late=is_late)
        if seat.parked is None and (seat.late if is_late else _version(seat)) != event.version:
            seat.parked = f"{event.stream} has no version before {event.version} that follows {seen}."

    def _read(self, seat: Seat, stream: str, seen: int) -> Sequence[Recorded]:
        try:
            return self._repair(stream, seen)
        except UnknownEventType:
            raise  # no poison: this process retires
        except LogCorrupt as error:
            seat.parked = str(error)
            return ()

    def _replay(
        self, folded: Folded, seat: Seat, events: Iterable[Recorded], seen: int, *, is_late: bool = False
    ) -> None:
        for expected, event in enumerate(events, start=seen + 1):
            if event.version != expected or seat.parked is not None:
                break
            self._apply(folded, seat, event, is_late=is_late)

    def _apply(self, folded: Folded, seat: Seat, event: Recorded, *, is_late: bool) -> None:
        try:
            after = seat.after if is_late else evolve(seat.after, event)
            if after is None:
                raise LogCorrupt(f"{event.stream} has a result, but no job.")
            tallies = [(one.name, one.tally(seat.after, after, event)) for one in self._projections]
        except Exception as error:
            seat.parked = f"{event.stream} version {event.version}: {type(error).__name__}: {error}"
            return
        if is_late:
            seat.late = event.version
        else:
            seat.after = after
        for name, tally in tallies:
            _add(folded, name, tally)
        folded.applied += 1


def _version(seat: Seat) -> int:
    return 0 if seat.after is None else seat.after.version


def _add(folded: Folded, name: str, tally: Tally) -> None:
    counters = folded.tallies[name]
    for key, increments in tally.items():
        for counter, amount in increments.items():
            counters[key][counter] += amount
