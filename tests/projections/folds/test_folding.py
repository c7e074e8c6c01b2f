"""A batch folded: each event onto exactly the version before it, whatever comes twice, late, broken or not at all."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventqueue.log.memory import MemoryLog
from eventqueue.model.events import Event, LateResult, Recorded, stream_of
from eventqueue.model.job import Job, State, fold
from projections.folds.decoding import Poison
from projections.folds.folding import Folding, Parked, Seat, jobs_in
from projections.folds.projection import Tally
from projections.folds.stats import Stats
from tests.builders import CANCELLED, COMPLETED, RELEASED, RETRIED_BY_OPERATOR, append, claimed, enqueued

LATE = LateResult(claim=2, worker="worker-1", outcome="completed", data={})
LIFE = (enqueued(), claimed(), RELEASED, claimed(), COMPLETED)


@dataclass
class Book:
    """A log with the seats and counters that its batches leave behind; `broken`: what cannot be read of it."""

    log: MemoryLog = field(default_factory=MemoryLog)
    seats: dict[str, Seat] = field(default_factory=dict)
    counts: dict[Any, int] = field(default_factory=dict)
    applied: int = 0
    broken: tuple[Poison, ...] = ()
    projections: Sequence[Any] = (Stats(),)

    def write(self, stream: str, *events: Event) -> list[Recorded]:
        one = append(stream, *events)
        self.log.append([one])
        return one.recorded

    def read(self, events: Iterable[Recorded | Poison]) -> None:
        events = list(events)
        for job_id in jobs_in(events):
            self.seats[job_id] = self.seats.get(job_id, Seat()).next
        folded = Folding(self.projections, self._repair).fold(events, self.seats)
        self.applied += folded.applied
        for name, counters in folded.tallies.items():
            for key, increments in counters.items():
                for counter, amount in increments.items():
                    self.counts[name, key, counter] = self.counts.get((name, key, counter), 0) + amount

    def _repair(self, stream: str, after: int) -> list[Recorded | Poison]:
        broken = {(one.stream, one.version): one for one in self.broken}
        return [broken.get((stream, one.version), one) for one in self.log.read(stream, after)]

    def job(self, name: str = "one") -> Job | None:
        return self.seats[name].after

    def count(self, state: State, queue: str = "default") -> int:
        return self.counts.get(("stats", ("state", queue), state.value), 0)


def poison_at(version: int, stream: str = "job-one") -> Poison:
    return Poison(stream, version, "it cannot be read")


@pytest.fixture
def book() -> Book:
    return Book()


def test_an_event_that_comes_twice_is_applied_once(book: Book) -> None:
    history = book.write("job-one", *LIFE)

    book.read([*history[:3], *history[:3]])
    book.read(history[1:])
    book.read(history)

    assert book.job() == fold(history)
    assert book.applied == len(LIFE)
    assert book.count(State.COMPLETED) == 1
    assert [book.count(state) for state in (State.PENDING, State.PROCESSING)] == [0, 0]


@pytest.mark.parametrize("missing", range(4))
def test_a_hole_is_repaired_from_the_log(book: Book, missing: int) -> None:
    history = book.write("job-one", *LIFE)

    book.read([*history[:missing], *history[missing + 1 :]])

    assert book.job() == fold(history)
    assert book.applied == len(LIFE)


def test_a_repair_goes_no_further_than_the_event_that_showed_the_hole(book: Book) -> None:
    history = book.write("job-one", *LIFE)

    book.read([history[0], history[2]])

    assert book.job() == fold(history[:3])


def test_a_hole_that_stays_parks_its_job_and_the_others_flow(book: Book) -> None:
    first, _, third = append("job-one", enqueued(), claimed(), COMPLETED).recorded  # never stored
    other = book.write("job-two", *LIFE)

    book.read([first, *other[:2], third, *other[2:]])

    assert book.seats["one"].parked == Parked("jobs", "job-one has no version before 3 that follows 1.")
    assert book.job() == fold([first])
    assert book.job("two") == fold(other)


def test_a_hole_that_cannot_be_read_parks_its_job(book: Book) -> None:
    history = book.write("job-one", *LIFE)
    book.broken = (poison_at(2),)

    book.read([history[0], history[2]])

    assert book.seats["one"].parked == Parked("jobs", "it cannot be read")


@pytest.mark.parametrize("met", [4, 5])
def test_over_a_hole_a_job_goes_as_far_as_the_log_can_be_read(book: Book, met: int) -> None:
    history = book.write("job-one", *LIFE)
    book.broken = (poison_at(4),)

    book.read([history[0], poison_at(4) if met == 4 else history[4]])

    assert book.seats["one"].parked == Parked("jobs", "it cannot be read")
    assert book.job() == fold(history[:3])


def test_what_a_newer_eventqueue_wrote_is_kept_with_why_its_job_stands_still(book: Book) -> None:
    history = book.write("job-one", *LIFE)

    book.read([*history[:2], Poison("job-one", 3, "it is newer", ("reincarnated", 2)), *history[3:]])

    assert book.seats["one"].parked == Parked("jobs", "it is newer", ("reincarnated", 2))
    assert book.job() == fold(history[:2])


def test_poison_parks_its_job_as_it_stood_and_the_others_flow(book: Book) -> None:
    history, other = book.write("job-one", *LIFE), book.write("job-two", *LIFE)

    book.read([*history[:2], poison_at(3), *other])
    book.read(history[3:])

    assert book.seats["one"].parked == Parked("jobs", "it cannot be read")
    assert book.job() == fold(history[:2])
    assert book.job("two") == fold(other)
    assert (book.count(State.PROCESSING), book.count(State.COMPLETED)) == (1, 1)


def test_poison_that_was_applied_in_readable_form_before_parks_nothing(book: Book) -> None:
    book.read(book.write("job-one", *LIFE))

    book.read([poison_at(3)])

    assert book.seats["one"].parked is None


def test_a_stream_that_does_not_begin_with_enqueued_is_parked(book: Book) -> None:
    book.read(book.write("job-one", claimed(), COMPLETED))

    assert book.job() is None
    assert book.seats["one"].parked is not None
    assert book.applied == 0


class Picky:
    """A projection that refuses whatever was cancelled."""

    name = "picky"
    version = 1

    def tally(self, before: Job | None, after: Job, recorded: Recorded) -> Tally:
        if after.state is State.CANCELLED:
            raise ValueError("no cancelled jobs here")
        return {("seen", after.queue): {"events": 1}}


def test_a_projection_that_raises_parks_the_job_and_no_projection_counts_that_event() -> None:
    book = Book(projections=(Stats(), Picky()))
    history, other = book.write("job-one", enqueued(), CANCELLED), book.write("job-two", *LIFE)

    book.read([*history, *other])

    assert book.seats["one"].parked == Parked("picky", "job-one version 2: ValueError: no cancelled jobs here")
    assert book.job() == fold(history[:1])
    assert (book.count(State.PENDING), book.count(State.CANCELLED)) == (1, 0)
    assert book.counts["picky", ("seen", "default"), "events"] == 1 + len(LIFE)


def test_a_late_result_is_counted_once_and_changes_no_job(book: Book) -> None:
    history, late = book.write("job-one", *LIFE), book.write("late-one", LATE, LATE)

    book.read([*history, *late])
    book.read([*late, *late])

    assert book.job() == fold(history)
    assert book.seats["one"].late == 2
    assert sum(count for key, count in book.counts.items() if key[1:] == (("total", "default"), "late-result")) == 2


def test_a_late_result_before_its_job_brings_the_job_from_the_log(book: Book) -> None:
    # A scan for a rebuild meets it so, if the job was enqueued in a part that the scan had behind it.
    history, late = book.write("job-one", *LIFE), book.write("late-one", LATE)

    book.read(late)
    book.read(history)

    assert book.job() == fold(history)
    assert book.seats["one"].parked is None
    assert book.applied == len(LIFE) + 1


def test_a_late_result_of_no_job_at_all_is_parked(book: Book) -> None:
    book.read(book.write("late-one", LATE))

    assert book.seats["one"].parked == Parked(
        "jobs", "late-one version 1: LogCorrupt: late-one has a result, but no job."
    )


def test_events_of_other_streams_change_no_job_and_are_the_last_that_was_seen(book: Book) -> None:
    (other,) = book.write("config-default")

    folded = Folding((Stats(),), book.log.read).fold([other], {})

    assert (folded.applied, folded.last) == (0, other)
    assert jobs_in([other]) == set()


@st.composite
def readings(draw: st.DrawFn) -> list[list[tuple[str, int]]]:
    """Batches of (stream, place) as a tail that starts over shows them: in order, with repetitions, cut anywhere."""
    lengths = {"job-a": len(LIFE), "job-b": len(LIFE), "late-a": 2}
    order = draw(st.permutations([stream for stream, length in lengths.items() for _ in range(length)]))
    places = {stream: iter(range(length)) for stream, length in lengths.items()}
    events = [(stream, next(places[stream])) for stream in order]
    cuts = draw(st.lists(st.tuples(st.integers(0, len(events)), st.integers(1, len(events))), max_size=8))
    return [*(events[start : start + length] for start, length in cuts), events]


@given(readings())
def test_however_a_log_is_cut_and_shown_again_each_event_counts_once(batches: list[list[tuple[str, int]]]) -> None:
    book = Book()
    streams = {stream: book.write(stream, *LIFE) for stream in ("job-a", "job-b")}
    streams["late-a"] = book.write("late-a", LATE, LATE)

    for batch in batches:
        book.read(streams[stream][place] for stream, place in batch)

    for name in ("a", "b"):
        assert book.job(name) == fold(streams[stream_of("job", name)])
    assert book.applied == 2 * len(LIFE) + 2
    assert (book.count(State.PENDING), book.count(State.PROCESSING), book.count(State.COMPLETED)) == (0, 0, 2)
    assert [seat.parked for seat in book.seats.values()] == [None, None]


def test_an_operators_retry_is_counted_apart(book: Book) -> None:
    book.read(book.write("job-one", enqueued(), CANCELLED, RETRIED_BY_OPERATOR))

    assert [key[2] for key in book.counts if key[1][0] == "minute"] == ["enqueued", "cancelled", "retried-by-operator"]
