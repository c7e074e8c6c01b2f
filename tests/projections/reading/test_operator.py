"""What an operator sees of the views and does with them."""

from datetime import timedelta
from typing import Any

import bson
import pytest

from eventqueue.errors import Fenced, Refused
from eventqueue.model.events import Recorded
from eventqueue.model.job import Job, State
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import BUILDING, PROJECTING, Lease
from eventqueue.ports.views import Activity, ParkedJob, ViewHealth
from projections.folds.projection import Projection as View
from projections.folds.projection import Tally, versions
from projections.folds.stats import Stats
from projections.keeping.generation import Generation
from projections.keeping.rebuild import rebuild
from projections.reading import health
from projections.reading.operator import ViewOperator
from projections.registry import PROJECTIONS
from tests.builders import CANCELLED, COMPLETED, append, claimed, enqueued
from tests.projections.crowd import Crowd
from tests.projections.exact import assert_exact, shown
from tests.projections.stage import (
    await_that,
    build,
    checkpoint_of,
    document,
    finish,
    is_ready,
    live_of,
    projecting,
    put,
    take_lease_away,
)


class Picky:
    """A projection that refuses whatever was cancelled, until it is mended."""

    name = "picky"
    version = 1

    def __init__(self) -> None:
        self.is_mended = False

    def tally(self, before: Job | None, after: Job, recorded: Recorded) -> Tally:
        if after.state is State.CANCELLED and not self.is_mended:
            raise ValueError("no cancelled jobs here")
        return {("seen",): {"events": 1}}


def operator(ground: Ground, *projections: View) -> ViewOperator:
    return ViewOperator(ground, projections or PROJECTIONS, "tests")


def view(ground: Ground, name: str = "jobs") -> ViewHealth:
    (found,) = [one for one in operator(ground).projections() if one.name == name]
    return found


def test_a_rebuild_waits_for_the_lease_of_a_builder_that_was_killed(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(built, "job-one", enqueued())
    Lease(built.database, BUILDING, "builder-killed").acquire()
    refused: list[Fenced] = []

    def watched(*args: Any, **named: Any) -> Generation:
        try:
            return rebuild(*args, **named)
        except Fenced as error:
            refused.append(error)
            take_lease_away(built, BUILDING)
            raise

    monkeypatch.setattr("projections.reading.operator.rebuild", watched)

    assert operator(built).rebuild(None, lambda _: None) == 2
    assert len(refused) == 1


# How the views are kept


def test_without_views_there_is_nothing_to_show(ground: Ground) -> None:
    assert list(operator(ground).projections()) == []


def test_views_at_the_end_of_the_log_are_caught_up_and_not_by_guess(built: Ground) -> None:
    put(built, "job-one", enqueued())
    finish(built)

    found = view(built, "stats")

    assert (found.activity, found.lag.seconds, found.lag_events) == (Activity.CAUGHT_UP, 0.0, 0)
    assert (found.applied, found.version, found.holder, found.rate) == (1, Stats.version, None, None)
    assert found.caught_up_at is not None


def test_events_that_nobody_applies_are_counted_and_it_is_said_that_nobody_does(built: Ground, crowd: Crowd) -> None:
    finish(built)
    crowd.act(2)

    found = view(built)

    assert found.activity is Activity.UNATTENDED
    assert found.lag_events == sum(1 for _ in built.log.scan())
    assert found.lag.seconds is not None
    assert found.lag.seconds > 0


def test_a_holder_that_stands_still_is_stalled(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "STALLED", timedelta(0))
    finish(built)
    put(built, "job-one", enqueued())
    Lease(built.database, PROJECTING, "projector/stuck").acquire()

    found = view(built)

    assert (found.activity, found.holder) == (Activity.STALLED, "projector/stuck")


def test_a_holder_that_has_just_moved_is_at_work(built: Ground) -> None:
    finish(built)
    put(built, "job-one", enqueued())
    Lease(built.database, PROJECTING, "projector/busy").acquire()

    assert view(built).activity is Activity.AT_WORK


def test_a_projector_tells_how_fast_it_is_and_when_it_was_last_at_the_end(built: Ground, crowd: Crowd) -> None:
    with projecting(built, "projector/here"):
        crowd.act(5)
        await_that(lambda: view(built).rate is not None)
        await_that(lambda: view(built).activity is Activity.CAUGHT_UP)
        found = view(built)

    assert found.holder == "projector/here"
    assert found.caught_up_at is not None
    assert abs(found.caught_up_at - built.clock.now()) < timedelta(minutes=1)
    assert view(built).rate is None  # of one that has left nothing is known


def test_where_the_oplog_was_lost_the_lag_is_unknown_and_not_nothing(built: Ground) -> None:
    put(built, "job-one", enqueued())
    finish(built)
    built.database.drop_collection("events")

    found = view(built)

    assert (found.activity, found.lag.seconds) == (Activity.UNKNOWN, None)


def test_views_that_are_being_built_are_shown_beside_the_live_ones(built: Ground) -> None:
    seen: list[list[ViewHealth]] = []

    def look(_: int) -> None:
        seen.append(list(operator(built).projections()))

    put(built, "job-one", enqueued())
    operator(built).rebuild(None, look)

    building = [one.generation for one in seen[0] if one.activity is Activity.BUILDING]
    assert building == [2, 2]
    assert {one.generation for one in operator(built).projections()} == {2}


def test_why_a_projector_left_is_shown(built: Ground) -> None:
    lease = Lease(built.database, PROJECTING, "projector/old")
    lease.acquire()
    lease.release("an event of a newer type: upgrade")

    assert view(built).note == "an event of a newer type: upgrade"
    lease.acquire()
    assert view(built).note is None


# Counters


def test_counters_are_read_by_the_beginning_of_their_keys(built: Ground) -> None:
    put(built, "job-one", enqueued())
    finish(built)

    assert operator(built).counters("stats", "state") == [(["state", "default"], {"pending": 1})]
    assert operator(built).counters("stats", "state", "other") == []
    assert len(operator(built).counters("stats")) == 4
    with pytest.raises(Refused, match="No projection 'cost'"):
        operator(built).counters("cost")


# Rebuilding


def test_a_rebuild_tells_how_far_it_is(built: Ground, crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.keeping.replay.CHUNK", 30)
    crowd.act(6)
    told: list[int] = []

    number = operator(built).rebuild("stats", told.append)

    assert number == live_of(built).number == 2
    assert told == sorted(told)
    assert told[-1] == checkpoint_of(built).applied == operator(built).log_size() - 1  # which tells of the rebuild
    assert_exact(built)


def test_a_rebuild_without_a_projection_that_the_views_have_is_refused(ground: Ground) -> None:
    build(ground, (Stats(), Picky()))

    with pytest.raises(Refused, match="picky, which is not installed here"):
        operator(ground).rebuild(None, lambda _: None)
    with pytest.raises(Refused, match="No projection 'cost'"):
        operator(ground, Stats(), Picky()).rebuild("cost", lambda _: None)

    assert live_of(ground).number == 1


def test_what_a_killed_build_left_behind_is_dropped_by_the_next(built: Ground) -> None:
    seen: list[str] = []

    class Killed(BaseException):
        pass

    def die(_: int) -> None:
        seen.extend(built.database.list_collection_names())
        raise Killed

    put(built, "job-one", enqueued())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("projections.keeping.rebuild._abandon", lambda *_: None)
        with pytest.raises(Killed):
            operator(built).rebuild(None, die)
    assert "jobs-2" in seen
    assert "jobs-2" in built.database.list_collection_names()
    take_lease_away(built, BUILDING)

    assert operator(built).rebuild(None, lambda _: None) == 3
    numbers = {name.rpartition("-")[2] for name in built.database.list_collection_names() if "-" in name}
    assert numbers == {"3"}


def test_a_projection_that_was_uninstalled_can_be_given_up_and_who_meets_it_is_told_how(ground: Ground) -> None:
    put(ground, "job-one", enqueued())
    build(ground, [*PROJECTIONS, Picky()])
    one = operator(ground)

    for refused in (lambda: one.rebuild(None, lambda _: None), lambda: list(one.verify(None, None, lambda _: None))):
        with pytest.raises(Refused, match=r"`queuectl projections rebuild --without picky`"):
            refused()
    with pytest.raises(Refused, match="Projection stats is installed here"):
        one.rebuild(None, lambda _: None, without=["stats"])
    with pytest.raises(Refused, match="No projection 'pikky'"):
        one.rebuild(None, lambda _: None, without=["pikky"])
    assert checkpoint_of(ground).projections == versions([*PROJECTIONS, Picky()])

    one.rebuild(None, lambda _: None, without=["picky"])

    assert checkpoint_of(ground).projections == versions(PROJECTIONS)
    assert_exact(ground)


# Parked jobs


def test_a_parked_job_goes_on_with_all_that_it_missed_once_its_projection_is_mended(ground: Ground) -> None:
    picky = Picky()
    both = (Stats(), picky)
    build(ground, both)
    put(ground, "job-one", enqueued(), CANCELLED)
    finish(ground, both)
    (parked,) = view(ground, "picky").parked
    assert (parked.job, parked.projection) == ("one", "picky")
    assert view(ground, "stats").parked == ()

    again = operator(ground, *both).retry("picky", "one")
    assert again == ParkedJob("one", "picky", "job-one version 2: ValueError: no cancelled jobs here")

    picky.is_mended = True
    assert operator(ground, *both).retry("picky", "one") is None
    assert document(ground, "one")["state"] == "cancelled"
    assert not is_ready(ground, "one")
    assert view(ground, "picky").parked == ()
    assert_exact(ground, both)


def test_parked_jobs_are_found_without_looking_at_the_others(built: Ground) -> None:
    built.log.append([append(f"job-{number}", enqueued()) for number in range(200)])
    finish(built)
    parked = {"projection": "stats", "problem": "it cannot be counted"}
    live_of(built).jobs.update_one({"_id": "7"}, {"$set": {"parked": parked}})

    built.database.command("profile", 2)
    found = view(built, "stats").parked
    built.database.command("profile", 0)

    assert [one.job for one in found] == ["7"]
    name = f"{built.database.name}.{live_of(built).jobs.name}"
    assert [one["docsExamined"] for one in built.database["system.profile"].find({"ns": name})] == [1]


def test_a_parked_job_is_let_go_under_a_running_projector(built: Ground) -> None:
    put(built, "job-one", enqueued(), claimed())
    history = built.log.read("job-one")
    (sealed,) = append("job-one", COMPLETED, head=history[-1].head).events
    spoilt = {**bson.decode(sealed.raw), "data": {"exit_code": "none"}}
    built.database["events"].insert_one(spoilt)
    with projecting(built):
        await_that(lambda: view(built).parked)
        assert operator(built).retry("jobs", "one") is not None

        # Somebody mends the log, as nobody should: the stored event is readable again.
        built.database["events"].replace_one({"_id": spoilt["_id"]}, bson.decode(sealed.raw))
        assert operator(built).retry("jobs", "one") is None
        put(built, "job-two", enqueued())
        await_that(lambda: "two" in shown(built).jobs)

    assert shown(built).jobs["one"].state is State.COMPLETED
    assert_exact(built)


def test_a_job_that_is_not_parked_by_it_is_refused(built: Ground) -> None:
    put(built, "job-one", enqueued())
    finish(built)

    with pytest.raises(Refused, match="not parked"):
        operator(built).retry("stats", "one")
    with pytest.raises(Refused, match="not parked"):
        operator(built).retry("stats", "nobody")


def test_one_whose_projections_are_not_those_of_the_views_proves_and_mends_nothing(built: Ground) -> None:
    other = operator(built, Stats(), Picky())

    with pytest.raises(Refused, match="this process has"):
        other.retry("stats", "one")
    with pytest.raises(Refused, match="this process has"):
        list(other.verify(None, None, lambda _: None))
