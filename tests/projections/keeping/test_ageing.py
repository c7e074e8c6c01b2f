"""Counters that grow old are merged, and nothing is lost or doubled by it."""

from contextlib import suppress
from datetime import timedelta

import pytest
from msgspec.structs import replace

from eventqueue.errors import Fenced
from eventqueue.mongo.ground import Ground
from projections.folds.stats import HOURS_KEPT, MINUTES_KEPT
from projections.keeping import ageing, turn
from projections.keeping.ageing import merge_aged
from projections.reading.reader import ViewReader
from projections.reading.verify import verify
from projections.registry import PROJECTIONS
from tests.builders import append, enqueued
from tests.projections.exact import shown
from tests.projections.stage import apply_all, await_that, build, finish, live_of, projecting, taking_place

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def kinds(ground: Ground) -> dict[str, int]:
    """How many counters of times there are of each kind, but for those of what moved, which the log took just now."""
    keys = [str(key[0]) for key in shown(ground).counters["stats"]]
    return {kind: keys.count(kind) for kind in set(keys) - {"state", "total"} if not kind.startswith("net-")}


def enqueued_over(ground: Ground, count: int, step: timedelta) -> None:
    """Enqueue jobs, each a step before the next, the last one now."""
    now = ground.clock.now()
    ground.log.append([append(f"job-{n}", enqueued(), now=now - n * step) for n in range(count)])


def total(ground: Ground) -> int:
    counters = shown(ground).counters["stats"]
    return sum(counts.get("enqueued", 0) for key, counts in counters.items() if key[0] != "total")


def test_old_minutes_become_hours_and_old_hours_days(built: Ground) -> None:
    enqueued_over(built, 40, timedelta(minutes=1))
    applier = taking_place(built)
    apply_all(built, applier)
    assert kinds(built)["minute"] == 40

    now = built.clock.now()
    assert not merge_aged(applier, now)
    assert merge_aged(applier, now + MINUTES_KEPT + HOUR)
    assert set(kinds(built)) == {"hour"}
    assert merge_aged(applier, now + HOURS_KEPT + 2 * DAY)
    assert set(kinds(built)) == {"day"}
    assert not merge_aged(applier, now + HOURS_KEPT + 2 * DAY)
    assert total(built) == 40


def test_many_are_merged_some_at_a_time(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ageing, "MERGED_MAX", 7)
    enqueued_over(built, 30, timedelta(minutes=1))
    applier = taking_place(built)
    apply_all(built, applier)
    later = built.clock.now() + MINUTES_KEPT + HOUR

    merges = 0
    while merge_aged(applier, later):
        merges += 1

    assert merges == 5
    assert total(built) == 30


def test_what_is_late_is_added_to_what_was_merged(built: Ground) -> None:
    long_ago = built.clock.now() - MINUTES_KEPT - 2 * HOUR
    applier = taking_place(built)
    for name in ("one", "two"):
        built.log.append([append(f"job-{name}", enqueued(), now=long_ago)])
        apply_all(built, applier)
        assert merge_aged(applier, built.clock.now())

    (counts,) = [counts for key, counts in shown(built).counters["stats"].items() if key[0] == "hour"]
    assert counts["enqueued"] == 2


def test_one_who_lost_the_place_merges_nothing(built: Ground) -> None:
    enqueued_over(built, 3, HOUR)
    zombie = taking_place(built)
    apply_all(built, zombie)
    before = shown(built)
    taking_place(built)

    with pytest.raises(Fenced):
        merge_aged(zombie, built.clock.now() + 3 * MINUTES_KEPT)

    assert shown(built) == before


def test_a_projector_merges_by_itself_and_a_rebuild_merges_at_once(built: Ground) -> None:
    enqueued_over(built, 20, HOUR)

    with projecting(built):
        await_that(lambda: total(built) == 20 and kinds(built).get("hour", 0) >= 12)
    merged = shown(built)
    assert list(verify(built, PROJECTIONS)) == []

    build(built)
    assert shown(built).counters == merged.counters


def test_what_a_reader_adds_to_counters_that_were_merged_is_merged_by_the_next_projector(built: Ground) -> None:
    long_ago = built.clock.now() - MINUTES_KEPT - 2 * HOUR

    def enqueue(name: str, count: int) -> None:
        built.log.append([append(f"job-{name}{n}", enqueued(), now=long_ago) for n in range(count)])

    enqueue("a", 3)
    with projecting(built):
        await_that(lambda: total(built) == 3 and kinds(built) == {"hour": 1})
    enqueue("b", 5)

    assert ViewReader(built, PROJECTIONS, "reader").refresh().is_fresh

    assert (kinds(built), total(built)) == ({"hour": 1, "minute": 1}, 8)
    assert list(verify(built, PROJECTIONS)) == []
    with projecting(built):
        await_that(lambda: kinds(built) == {"hour": 1})
    assert total(built) == 8
    assert list(verify(built, PROJECTIONS)) == []


def test_a_place_that_is_taken_again_and_again_from_one_that_merges_loses_and_doubles_nothing(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ageing, "MERGED_MAX", 1)
    monkeypatch.setattr(turn, "IDLE", timedelta(milliseconds=5))
    now, step = built.clock.now() - MINUTES_KEPT - 2 * HOUR, timedelta(minutes=1)

    with projecting(built):
        for n in range(30):
            built.log.append([append(f"job-{n}", enqueued(), now=now - n * step)])
            with suppress(Fenced):
                finish(built)
        await_that(lambda: total(built) == 30 and set(kinds(built)) == {"hour"})

    assert list(verify(built, PROJECTIONS)) == []


def test_verifying_is_not_disturbed_by_what_was_merged(built: Ground) -> None:
    enqueued_over(built, 20, 12 * HOUR)
    applier = taking_place(built)
    apply_all(built, applier)
    assert list(verify(built, PROJECTIONS)) == []

    while merge_aged(applier, built.clock.now()):
        pass

    assert list(verify(built, PROJECTIONS)) == []
    live = live_of(built)
    live.tally("stats").update_one({"_id.key.0": "hour"}, {"$inc": {"n.enqueued": 1}})
    assert len(list(verify(built, PROJECTIONS))) == 1
    assert replace(applier.held).generation == live.number
