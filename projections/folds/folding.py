"""A batch of events folded into what it changes: each job once, each counter once. Pure.

Events are applied to exactly the version before them: older ones are duplicates, a hole is repaired by reading the
stream, and an event that a function refuses parks its job, so that all the others keep flowing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from eventqueue.errors import LogCorrupt
from eventqueue.model.codec import SHOWN_MAX
from eventqueue.model.events import Amended, Recorded, RetryAmended, name_in, stream_of
from eventqueue.model.job import Job, evolve
from projections.folds import jobs
from projections.folds.decoding import Poison
from projections.folds.projection import Counters, Projection, add, no_counters

Events = Sequence[Recorded | Poison]
AMENDING = (Amended, RetryAmended)
Repair = Callable[[str, int], Events]
"""(stream, version) -> the stream's events after that version, as the log has them now."""


class Parked(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a job's view stands still, and which projection it was that could not go on (`jobs`: the fold itself).

    `unknown`: type and schema of the event, where a newer eventqueue wrote it: one that knows them lets the job go on.
    """

    projection: str
    problem: str
    unknown: tuple[str, int] | None = None


@dataclass(slots=True)
class Seat:
    """One job's place in a batch: as the view has it, and as the batch leaves it."""

    before: Job | None = None
    after: Job | None = None
    late_before: int = 0  # the last version of `late-<job>` that was counted
    late: int = 0
    parked_before: Parked | None = None
    parked: Parked | None = None
    entry: str | None = None  # where workers find it, or found it last

    @property
    def next(self) -> "Seat":
        """The seat for the next batch: what this one leaves is what that one finds."""
        return Seat(self.after, self.after, self.late, self.late, self.parked, self.parked, self.entry)

    @property
    def is_changed(self) -> bool:
        """Whether the view has to be written."""
        changed = self.after is not self.before
        return changed or self.late != self.late_before or self.parked != self.parked_before


@dataclass(slots=True)
class Folded:
    """What a batch changes in the views."""

    seats: Mapping[str, Seat]
    tallies: dict[str, Counters] = field(default_factory=dict)
    applied: int = 0
    last: Recorded | None = None
    is_repaired: bool = False  # holds events that were not in the batch
    is_amended: bool = False  # a small event may have all of a large command written again


def jobs_in(events: Iterable[Recorded | Poison]) -> set[str]:
    """Return the ids of the jobs that a batch's events are about."""
    parts = (event.stream.partition("-") for event in events)
    return {name for category, _, name in parts if category in ("job", "late")}


def born_in(events: Iterable[Recorded | Poison]) -> set[str]:
    """Return the ids of the jobs whose first event is among a batch's events, and can be read."""
    streams = (event.stream for event in events if event.version == 1 and isinstance(event, Recorded))
    return {name for category, _, name in (stream.partition("-") for stream in streams) if category == "job"}


class Folding:
    """Folds batches for a set of projections; `repair` reads a stream where the batch shows a hole."""

    def __init__(self, projections: Sequence[Projection], repair: Repair) -> None:
        self._projections = projections
        self._repair = repair

    def fold(self, events: Iterable[Recorded | Poison], seats: Mapping[str, Seat]) -> Folded:
        """Fold `events`, in order, into `seats`, which holds one for each of their jobs."""
        folded = self._empty(seats)
        for event in events:
            if not isinstance(event, Poison):
                folded.last = event
            category, _, name = event.stream.partition("-")
            if category in ("job", "late"):
                self._seat(folded, seats[name], event, is_late=category == "late")
        return folded

    def retry(self, seats: Mapping[str, Seat]) -> Folded:
        """Let parked jobs go on: fold all that the log has of them beyond their views. They may be parked again."""
        folded = self._empty(seats)
        for job_id, seat in seats.items():
            seat.parked = None
            for category, seen in (("job", _version(seat)), ("late", seat.late)):
                events = self._read(folded, stream_of(category, job_id), seen)
                self._replay(folded, seat, events, seen, is_late=category == "late")
                self._check_whole(seat, events, seen, is_late=category == "late")
        return folded

    def _empty(self, seats: Mapping[str, Seat]) -> Folded:
        return Folded(seats, {one.name: no_counters() for one in self._projections})

    def _seat(self, folded: Folded, seat: Seat, event: Recorded | Poison, *, is_late: bool) -> None:
        if is_late and seat.after is None and seat.parked is None:
            # A scan can meet the result and not the job, which was enqueued behind its back.
            self._replay(folded, seat, self._read(folded, stream_of("job", name_in(event.stream)), 0), 0)
        seen = seat.late if is_late else _version(seat)
        if event.version <= seen or seat.parked is not None:
            return
        if event.version == seen + 1:
            self._apply(folded, seat, event, is_late=is_late)
        else:
            self._mend(folded, seat, event, seen, is_late=is_late)

    def _mend(self, folded: Folded, seat: Seat, event: Recorded | Poison, seen: int, *, is_late: bool) -> None:
        missing = [one for one in self._read(folded, event.stream, seen) if one.version <= event.version]
        self._replay(folded, seat, missing, seen, is_late=is_late)
        self._check_whole(seat, [event], seen, is_late=is_late)

    @staticmethod
    def _check_whole(seat: Seat, events: Events, seen: int, *, is_late: bool) -> None:
        if not events or seat.parked is not None:
            return
        last = events[-1]
        if (seat.late if is_late else _version(seat)) != last.version:
            seat.parked = Parked(jobs.NAME, f"{last.stream} has no version before {last.version} that follows {seen}.")

    def _read(self, folded: Folded, stream: str, seen: int) -> Events:
        folded.is_repaired = True
        return self._repair(stream, seen)

    def _replay(self, folded: Folded, seat: Seat, events: Events, seen: int, *, is_late: bool = False) -> None:
        for expected, event in enumerate(events, start=seen + 1):
            if event.version != expected or seat.parked is not None:
                break
            self._apply(folded, seat, event, is_late=is_late)

    def _apply(self, folded: Folded, seat: Seat, event: Recorded | Poison, *, is_late: bool) -> None:
        if isinstance(event, Poison):
            seat.parked = Parked(jobs.NAME, event.problem, event.unknown)
            return
        at_work = jobs.NAME
        try:
            after = seat.after if is_late else evolve(seat.after, event)
            if after is None:
                raise LogCorrupt(f"{event.stream} has a result, but no job.")
            jobs.check_size(after, event.event)
            tallies = []
            for one in self._projections:
                at_work = one.name
                tallies.append((at_work, one.tally(seat.after, after, event)))
        except Exception as error:
            problem = f"{event.stream} version {event.version}: {type(error).__name__}: {str(error)[:SHOWN_MAX]}"
            seat.parked = Parked(at_work, problem)
            return
        if is_late:
            seat.late = event.version
        else:
            seat.after = after
        folded.is_amended |= isinstance(event.event, AMENDING)
        for name, tally in tallies:
            add(folded.tallies[name], tally)
        folded.applied += 1


def _version(seat: Seat) -> int:
    return 0 if seat.after is None else seat.after.version
