"""Views that are dropped, whole or in part: noticed by all who use them, and built anew by whoever projects."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pymongo
import pytest

from eventqueue.errors import Fenced, Unavailable
from eventqueue.model.upkeep import STREAM, ViewsRebuilt
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import PROJECTING, Lease
from projections.keeping import checkpoint, projector
from projections.keeping.generation import INDEXES
from projections.keeping.integrity import damage
from projections.reading.candidates import ViewFinder
from projections.reading.operator import ViewOperator
from projections.reading.reader import ViewReader
from projections.reading.verify import verify
from projections.registry import PROJECTIONS
from tests.builders import claimed, enqueued, failed
from tests.projections.crowd import Crowd
from tests.projections.exact import assert_exact
from tests.projections.stage import await_that, checkpoint_of, finish, is_fresh, live_of, projecting, put

OF_A_GENERATION = [*INDEXES, *(one.name for one in PROJECTIONS)]
ALL = [*OF_A_GENERATION, "views", "checkpoints"]


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a projector look sooner whether its views are whole."""
    monkeypatch.setattr(projector, "LOOK_EVERY", timedelta(milliseconds=50))


def drop(ground: Ground, name: str) -> None:
    ground.database.drop_collection(live_of(ground).name_of(name) if name in OF_A_GENERATION else name)


def drop_and_make(ground: Ground, name: str) -> None:
    """Drop a collection of the live generation; it comes back, empty, as with a write into it."""
    drop(ground, name)
    ground.database.create_collection(live_of(ground).name_of(name))


def is_led(ground: Ground) -> bool:
    """Whether a projector has taken the place, and has told of it: so that it looks at its views by itself."""
    return Lease(ground.database, PROJECTING, "nobody").told().caught_up_at is not None


@pytest.fixture
def filled(built: Ground, crowd: Crowd) -> Ground:
    """Views with jobs in every state, some of which wait for their retries."""
    crowd.act(10)
    put(built, "job-waits", enqueued(), claimed(), failed())
    finish(built)
    return built


@pytest.mark.parametrize("name", ALL)
def test_a_projector_that_has_nothing_to_do_notices_that_a_collection_is_gone(filled: Ground, name: str) -> None:
    with projecting(filled) as running:
        await_that(lambda: is_led(filled))
        before = live_of(filled).number
        drop(filled, name)
        await_that(lambda: live_of(filled).number != before)
        await_that(lambda: is_fresh(filled) and damage(filled.database, checkpoint_of(filled)) is None)
        await_that(lambda: not [*verify(filled, PROJECTIONS)])

    assert running.error is None
    assert_exact(filled)


@pytest.mark.parametrize("name", OF_A_GENERATION)
def test_a_collection_that_was_made_anew_is_not_taken_for_the_old_one(filled: Ground, name: str) -> None:
    with projecting(filled) as running:
        await_that(lambda: is_led(filled))
        before = live_of(filled).number
        drop_and_make(filled, name)
        await_that(lambda: live_of(filled).number != before)
        await_that(lambda: is_fresh(filled))

    assert running.error is None
    assert_exact(filled)


@pytest.mark.parametrize("name", ALL)
def test_a_projector_that_is_at_work_heals_what_is_dropped_under_it(built: Ground, name: str) -> None:
    with projecting(built) as running:
        with Crowd(built).acting():
            await_that(lambda: checkpoint_of(built).applied > 50)
            held = checkpoint_of(built)
            drop(built, name)
            await_that(lambda: live_of(built).number != held.generation)
        await_that(lambda: is_fresh(built) and damage(built.database, checkpoint_of(built)) is None)
        await_that(lambda: not [*verify(built, PROJECTIONS)])

    assert running.error is None
    assert_exact(built)


@pytest.mark.parametrize("name", OF_A_GENERATION)
@pytest.mark.parametrize("lose", [drop, drop_and_make], ids=["gone", "made anew"])
def test_workers_claim_nothing_from_damaged_views_and_people_see_that_they_are(
    filled: Ground, name: str, lose: Callable[[Ground, str], None]
) -> None:
    finder, reader = ViewFinder(filled.database), ViewReader(filled, PROJECTIONS, "reader")
    assert finder.vouch()
    assert reader.lag().is_fresh
    lost = live_of(filled).name_of(name)

    lose(filled, name)

    with pytest.raises(Unavailable, match=f"damaged.*{lost}"):
        finder.vouch()
    assert reader.lag().seconds is None
    assert lost in reader.snapshot()["damage"]
    shown = ViewOperator(filled, PROJECTIONS, "tests").projections()
    assert {one.note is not None and lost in one.note for one in shown} == {True}


@pytest.mark.parametrize("name", ALL)
def test_who_reads_damaged_views_mends_them_where_no_projector_runs(filled: Ground, name: str) -> None:
    drop(filled, name)

    assert ViewReader(filled, PROJECTIONS, "reader").refresh().is_fresh

    assert list(verify(filled, PROJECTIONS)) == []
    assert ViewFinder(filled.database).vouch()
    left = {one.rpartition("-")[2] for one in filled.database.list_collection_names() if "-" in one}
    assert left == {str(live_of(filled).number)}


def test_views_that_were_built_before_their_collections_were_noted_are_known_from_the_next_taking_of_the_place(
    filled: Ground,
) -> None:
    checkpoint.checkpoints(filled.database).update_many({}, {"$unset": {"collections": 1}})
    held = checkpoint_of(filled)
    assert damage(filled.database, held) is None

    with projecting(filled):
        await_that(lambda: checkpoint_of(filled).collections)

    assert checkpoint_of(filled).generation == held.generation
    drop_and_make(filled, "due")
    assert damage(filled.database, checkpoint_of(filled)) is not None


def test_views_that_are_switched_meanwhile_are_not_taken_for_damaged(filled: Ground) -> None:
    old = checkpoint_of(filled)
    ViewOperator(filled, PROJECTIONS, "tests").rebuild(None, lambda _: None)

    assert damage(filled.database, old) is None
    assert ViewFinder(filled.database).vouch()


def test_a_projector_builds_the_indexes_of_its_views_again(filled: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projector, "MEND_EVERY", timedelta(milliseconds=50))
    given: list[float | None] = []
    real = pymongo.timeout

    def noted(seconds: float | None) -> AbstractContextManager[None]:
        given.append(seconds)
        return real(seconds)

    monkeypatch.setattr("projections.keeping.generation.pymongo.timeout", noted)
    with projecting(filled) as running:
        await_that(lambda: is_led(filled))
        for name in INDEXES:
            live_of(filled).collection(name).drop_indexes()
        # Another index under the name of one, as an older version or an operator's hand may have left it.
        live_of(filled).collection("failures").create_index([("at", 1)], name="unburied")

        await_that(lambda: live_of(filled).indexes_missing() == [])
        assert running.error is None

    assert live_of(filled).number == 1  # nothing had to be built anew
    assert None in given  # in large views it takes longer than any call may


def test_damage_that_somebody_else_is_mending_is_told_once(
    filled: Ground, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tries = 0

    def another_does(*_: object, **__: object) -> None:
        nonlocal tries
        tries += 1
        raise Fenced("Another process builds the views.")

    monkeypatch.setattr(projector, "rebuild", another_does)
    drop(filled, "due")
    with projecting(filled) as running:
        await_that(lambda: tries >= 3)
        assert running.error is None

    assert caplog.text.count("The views are damaged") == 1


def ahead(token: str) -> str:
    return f"82{int(token[2:10], 16) + 3600:08X}{token[10:]}"


@pytest.mark.parametrize("altered", [ahead, lambda _: "no token"], ids=["of a time yet to come", "no token"])
def test_a_checkpoint_that_leads_nowhere_has_the_views_built_anew(built: Ground, altered: Callable[[str], str]) -> None:
    token = altered(checkpoint_of(built).token["_data"])
    built.database["checkpoints"].update_one({}, {"$set": {"token._data": token}})
    put(built, "job-one", enqueued())

    with projecting(built):
        await_that(lambda: live_of(built).number > 1 and is_fresh(built))

    assert_exact(built)


def test_views_that_are_built_anew_by_themselves_are_told_of_with_the_reason(filled: Ground) -> None:
    drop(filled, "due")
    with projecting(filled):
        await_that(lambda: filled.log.read(STREAM))

    (told,) = filled.log.read(STREAM)
    assert isinstance(told.event, ViewsRebuilt)
    assert told.event.generation == live_of(filled).number
    assert "damaged" in (told.event.why or "")
    assert told.actor
