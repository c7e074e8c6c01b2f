"""Seats: what is remembered of a job is what its view would tell, for as long as there is room."""

from collections.abc import Sequence
from json import dumps
from typing import Any

import pytest
from hypothesis import given
from msgspec.structs import replace

from eventqueue.model.events import Event
from eventqueue.model.job import Job, fold
from eventqueue.mongo.ground import Ground
from projections.folds.folding import Parked, Seat
from projections.keeping import seats as seating
from projections.keeping.generation import Generation
from projections.keeping.seats import Seats
from tests.builders import JOURNEYS, enqueued, history, json_objects
from tests.model.test_round_trip import is_let_in
from tests.projections.stage import finish, live_of, put


class Unread(Generation):
    """A generation that must not be read."""

    def find_jobs(self, ids: Any) -> Any:
        raise AssertionError(f"{list(ids)} were looked up")


def job_after(*events: Event) -> Job:
    job = fold(history(*events))
    assert job is not None
    return job


def remembering(generation: Generation, *batches: dict[str, Seat]) -> Seats:
    """Seats after some batches, and one more of another job: nothing of them was in the last batch."""
    seats = Seats(generation)
    for batch in (*batches, {"other": Seat()}):
        seats.keep(batch)
    return seats


def goes_on(events: Sequence[Event]) -> bool:
    job = fold(history(*events))
    return job is not None and (job.due_at is not None or job.claim is not None)


@pytest.mark.parametrize("journey", [name for name, events in JOURNEYS.items() if goes_on(events)])
def test_a_job_that_goes_on_is_remembered_as_it_was(built: Ground, journey: str) -> None:
    job = job_after(*JOURNEYS[journey])
    seat = Seat(None, job, 0, 3, None, Parked("stats", "refused"), "entry")

    seats = remembering(Unread(built.database, 1), {"one": seat})

    assert seats.take(["one"]) == {"one": seat.next}


@given(json_objects.filter(is_let_in))
def test_every_json_value_is_remembered_as_it_was(meta: dict[str, Any]) -> None:
    seats = Seats(Generation(None, 1))  # type: ignore[arg-type]  # nothing is read
    seats.keep({"one": Seat(after=job_after(replace(enqueued(), meta=meta)))})
    seats.keep({})

    after = seats.take(["one"])["one"].after
    assert after is not None
    assert dumps(after.meta, sort_keys=True) == dumps(meta, sort_keys=True)


def test_what_the_last_batch_left_is_found_though_no_view_shows_it_yet(built: Ground) -> None:
    seats = Seats(Unread(built.database, 1))
    ended = Seat(after=job_after(*JOURNEYS["completed"]))
    seats.keep({"one": ended})

    assert seats.take(["one"]) == {"one": ended.next}


def test_of_two_states_the_later_is_remembered(built: Ground) -> None:
    early = Seat(after=job_after(enqueued()), entry="early")
    late = Seat(after=job_after(enqueued()), entry="late")

    seats = remembering(Unread(built.database, 1), {"one": early}, {"two": early}, {"one": late}, {"two": late})

    assert [seats.take([name])[name].entry for name in ("one", "two")] == ["late", "late"]


@pytest.mark.parametrize("between", [(), ({"two": Seat()},)], ids=["at once", "later"])
def test_a_job_that_has_ended_is_not_remembered_as_it_was_before(
    built: Ground, between: Sequence[dict[str, Seat]]
) -> None:
    put(built, "job-one", *JOURNEYS["completed"])
    finish(built)
    waiting, ended = Seat(after=job_after(enqueued())), Seat(after=job_after(*JOURNEYS["completed"]))

    seats = remembering(live_of(built), {"one": waiting}, *between, {"one": ended})

    after = seats.take(["one"])["one"].after
    assert after == built_job(built)


def built_job(ground: Ground) -> Job:
    job = fold(ground.log.read("job-one"))
    assert job is not None
    return job


def test_what_is_remembered_is_bounded_and_the_oldest_goes_first(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"job-{number}" for number in range(30)]
    for name in names:
        put(built, f"job-{name}", enqueued())
    finish(built)
    seat = Seat(after=job_after(enqueued()), entry="remembered")
    monkeypatch.setattr(seating, "RECENT_BYTES", 10 * 500)

    seats = remembering(live_of(built), *({name: seat} for name in names))

    found = [name for name in names if seats.take([name])[name].entry == "remembered"]
    assert 5 <= len(found) < 20
    assert found == names[-len(found) :]


def test_a_large_job_is_read_again(built: Ground) -> None:
    put(built, "job-one", enqueued())
    finish(built)
    large = Seat(after=job_after(replace(enqueued(), meta={"text": "x" * seating.LIGHT_BYTES})), entry="remembered")

    assert remembering(live_of(built), {"one": large}).take(["one"])["one"].entry != "remembered"


def test_what_cannot_be_in_the_view_is_not_looked_up(built: Ground) -> None:
    assert Seats(Unread(built.database, 1)).take(["one"], new={"one"}) == {"one": Seat()}
