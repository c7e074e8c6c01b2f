"""A rebuild: the same views again from the same log, beside the live ones, switched to at once."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from bson.raw_bson import RawBSONDocument

from eventqueue.errors import Fenced, QueueError
from eventqueue.model.events import LateResult
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import BUILDING
from eventqueue.mongo.log import MongoLog
from projections.folds.stats import Stats
from projections.keeping import checkpoint, generation, rebuild
from projections.keeping.catch_up import catch_up
from projections.keeping.generation import Generation
from projections.keeping.provenance import is_in_log
from projections.registry import PROJECTIONS
from tests.builders import COMPLETED, append, claimed, enqueued
from tests.projections.crowd import Crowd
from tests.projections.exact import assert_exact, documents, shown
from tests.projections.stage import apply_all, build, checkpoint_of, finish, live_of, put, take_lease_away, taking_place

LATE = LateResult(claim=2, worker="worker-1", outcome="completed", data={})


class Other(Stats):
    name = "other"


def collections(ground: Ground) -> set[str]:
    return {name for name in ground.database.list_collection_names() if "-" in name}


def collections_of(live: Generation) -> set[str]:
    return {f"{name}-{live.number}" for name in ("jobs", "due", "claims", "failures", "stats")}


def test_a_rebuild_counts_the_same_again_document_by_document(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.keeping.catch_up.CHUNK", 13)
    monkeypatch.setattr("projections.keeping.replay.CHUNK", 31)
    crowd = Crowd(built, seed=3)
    for _ in range(3):
        crowd.act(4)
        finish(built)
    live = documents(live_of(built))
    applied = checkpoint_of(built).applied

    new = build(built)

    assert documents(new) == live
    assert checkpoint_of(built).applied == applied
    assert_exact(built)


def test_the_old_views_go_and_those_who_still_apply_to_them_are_fenced(built: Ground) -> None:
    zombie = taking_place(built)
    put(built, "job-one", enqueued())

    new = build(built)

    assert collections(built) == collections_of(new)
    with pytest.raises(Fenced):
        zombie.apply([], {"_data": "82somewhere"}, built.clock.now())
    assert collections(built) == collections_of(new)


def test_who_still_applies_to_views_that_were_switched_is_fenced_before_they_are_dropped(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    zombie, old = taking_place(built), live_of(built)
    put(built, "job-one", enqueued())
    monkeypatch.setattr(rebuild, "_drop_leftovers", lambda *_: None)  # its builder was killed just after the switch
    build(built)

    with pytest.raises(Fenced):
        apply_all(built, zombie)
    with pytest.raises(Fenced):
        checkpoint.take_over(built.database, old.number, built.database.client.start_session())

    assert not any(documents(old).values())
    assert_exact(built)


def test_counters_of_a_projection_that_is_no_more_go_with_the_old_views(ground: Ground) -> None:
    build(ground, (Stats(), Other()))

    build(ground)

    assert collections(ground) == collections_of(live_of(ground))


def test_readers_see_the_old_views_until_the_new_ones_are_whole(
    built: Ground, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd.act(3)
    finish(built)
    before = shown(built)
    seen = []
    switch = rebuild._switch

    def look_and_switch(*args: Any) -> None:
        seen.append(shown(built))
        switch(*args)

    monkeypatch.setattr(rebuild, "_switch", look_and_switch)
    build(built)

    assert seen == [before]


def test_events_that_are_appended_during_a_rebuild_are_neither_lost_nor_doubled(built: Ground) -> None:
    crowd = Crowd(built)
    crowd.act(20)
    with crowd.acting():
        for _ in range(3):
            build(built)

    finish(built)
    assert_exact(built)


def test_a_late_result_whose_job_was_enqueued_behind_the_scan_is_counted(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = MongoLog.scan_batches

    def scan_with_a_surprise(log: MongoLog, category: str | None = None) -> Iterator[bytes]:
        yield from scan(log, category)
        if category == "job":
            put(built, "job-one", enqueued(), claimed(), COMPLETED)
            put(built, "late-one", LATE)

    monkeypatch.setattr(MongoLog, "scan_batches", scan_with_a_surprise)
    build(built)
    monkeypatch.undo()

    assert_exact(built)


def test_an_event_that_was_inserted_before_a_scan_and_becomes_visible_after_it_is_not_lost(built: Ground) -> None:
    put(built, "job-one", enqueued())
    (sealed,) = append("job-hidden", enqueued()).events
    with built.database.client.start_session() as session, session.start_transaction():
        built.database["events"].insert_one(RawBSONDocument(sealed.raw), session=session)
        build(built)

    finish(built)
    assert set(shown(built).jobs) == {"one", "hidden"}
    assert_exact(built)


def test_a_hole_that_an_append_behind_the_scan_leaves_is_repaired(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(built, "job-one", enqueued(), claimed(), COMPLETED)
    first, _, third = built.log.read_raw("job-one")
    monkeypatch.setattr(
        MongoLog, "scan_batches", lambda _, category: iter([first + third] if category == "job" else [])
    )

    build(built)
    monkeypatch.undo()

    assert_exact(built)


def test_the_newest_event_is_remembered_wherever_the_scan_met_it(ground: Ground) -> None:
    put(ground, "job-z", enqueued())
    put(ground, "job-a", enqueued())

    build(ground)
    held = checkpoint_of(ground)
    assert is_in_log(held, ground.log)

    # A backup is restored that was made between the two.
    ground.database["events"].delete_one({"_id.stream": "job-a"})
    assert not is_in_log(held, ground.log)


def test_of_two_that_build_at_once_one_is_switched_to_and_nothing_is_left_of_the_other(built: Ground) -> None:
    Crowd(built).act(30)
    outcomes: list[object] = []

    def build_here() -> None:
        try:
            outcomes.append(build(built).number)
        except QueueError as error:
            outcomes.append(type(error))

    builders = [threading.Thread(target=build_here) for _ in range(3)]
    for one in builders:
        one.start()
    for one in builders:
        one.join()

    live = live_of(built).number
    assert live in outcomes
    assert collections(built) == collections_of(live_of(built))
    assert [one["_id"] for one in built.database["checkpoints"].find()] == [live]
    finish(built)
    assert_exact(built)


def test_one_that_was_overtaken_does_not_switch_back(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    switch = rebuild._switch

    def overtaken(*args: Any) -> None:
        monkeypatch.setattr(rebuild, "_switch", switch)
        take_lease_away(built, BUILDING)  # it was away for so long
        build(built)
        switch(*args)

    monkeypatch.setattr(rebuild, "_switch", overtaken)
    with pytest.raises(Fenced, match="meanwhile"):
        build(built)

    assert collections(built) == collections_of(live_of(built))


def test_two_first_builds_do_not_both_become_the_views(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    switch = rebuild._switch

    def overtaken(*args: Any) -> None:
        monkeypatch.setattr(rebuild, "_switch", switch)
        take_lease_away(ground, BUILDING)
        build(ground)
        switch(*args)

    monkeypatch.setattr(rebuild, "_switch", overtaken)
    with pytest.raises(Fenced, match="meanwhile"):
        build(ground)

    assert live_of(ground).number == 2


def test_one_after_a_build_that_was_killed_takes_another_number(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(rebuild, "_build", die)
    monkeypatch.setattr(rebuild, "_abandon", lambda *_: None)
    with pytest.raises(Killed):
        build(built)
    monkeypatch.undo()

    assert build(built).number == 3
    assert_exact(built)


def test_an_empty_log_makes_empty_views(ground: Ground) -> None:
    build(ground)

    assert not any(documents(live_of(ground)).values())
    assert checkpoint_of(ground).last is None


def test_nobody_has_views_before_the_first_build(ground: Ground) -> None:
    assert generation.current(ground.database) is None


def test_a_generation_has_the_indexes_that_its_queries_need(built: Ground) -> None:
    live = Generation(built.database, 1)

    assert live.indexes_missing() == []
    assert set(live.jobs.index_information()) == {"_id_", "created", "tags", "queue", "parked"}
    assert set(live.due.index_information()) == {"_id_", "ready", "ready anywhere", "waiting", "held", "oldest"}
    assert [one.name for one in PROJECTIONS] == ["stats"]


def test_what_somebody_drops_of_views_while_they_are_built_leaves_the_old_ones_live(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(built, "job-one", enqueued())
    finish(built)

    def dropping(*args: Any) -> None:
        catch_up(*args)
        Generation(built.database, 2).due.drop()

    monkeypatch.setattr(rebuild, "catch_up", dropping)

    with pytest.raises(Fenced):
        build(built)

    assert live_of(built).number == 1
    assert_exact(built)


def test_nobody_is_told_of_views_before_they_are_switched_to(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int | None] = []
    monkeypatch.setattr("projections.keeping.signals.Signals.publish", lambda _, signal: told.append(signal.generation))
    monkeypatch.setattr(rebuild, "replay", lambda *_: 0)  # so that all has to be caught up with
    monkeypatch.setattr(rebuild, "token_now", lambda _: checkpoint_of(built).token)
    for number in range(5):
        put(built, f"job-{number}", enqueued())

    build(built)

    assert told == [2]
    assert live_of(built).jobs.count_documents({}) == 5
