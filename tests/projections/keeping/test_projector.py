"""The projector: one works, the others stand by, and whatever happens to the place the views end at the fold."""

import threading
from datetime import timedelta
from typing import Any

import bson
import pytest
from msgspec.structs import replace

from eventqueue.errors import ForeignViews, HistoryLost
from eventqueue.model.events import Recorded
from eventqueue.model.job import Job
from eventqueue.mongo.clock import DatabaseClock
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import PROJECTING, Holder, Lease
from projections.folds.projection import Tally, versions
from projections.folds.stats import Stats
from projections.keeping import projector
from projections.keeping import turn as turns
from projections.keeping.checkpoint import checkpoints
from projections.keeping.feed import Feed
from projections.keeping.projector import Projector
from projections.keeping.promotion import next_due
from projections.keeping.provenance import is_in_log, is_newer
from tests.builders import append, enqueued
from tests.projections.crowd import Crowd
from tests.projections.exact import assert_exact, shown
from tests.projections.stage import (
    await_that,
    build,
    checkpoint_of,
    end_lease,
    finish,
    is_fresh,
    is_ready,
    live_of,
    projecting,
    put,
    taking_place,
    turn_in,
)


class NewerStats(Stats):
    version = Stats.version + 1


class Other(Stats):
    name = "other"


def lease_of(ground: Ground) -> Lease:
    return Lease(ground.database, PROJECTING, "asker")


def test_it_builds_the_views_and_keeps_them_at_the_end_of_the_log(ground: Ground) -> None:
    crowd = Crowd(ground)
    crowd.act(5)

    with projecting(ground):
        await_that(lambda: is_fresh(ground))
        assert_exact(ground)
        for _ in range(3):
            crowd.act(5)
            await_that(lambda: is_fresh(ground))
            assert_exact(ground)


def test_it_keeps_up_with_several_who_write_at_once(built: Ground) -> None:
    crowds = [Crowd(built, seed, f"crowd-{seed}-") for seed in range(3)]
    writers = [threading.Thread(target=one.act, args=(15,)) for one in crowds]

    with projecting(built):
        for one in writers:
            one.start()
        for one in writers:
            one.join()
        await_that(lambda: is_fresh(built))

    assert_exact(built)
    assert shown(built).jobs == {job_id: job for crowd in crowds for job_id, job in crowd.jobs.items()}


def test_small_batches_come_to_the_same(built: Ground, crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "BATCH_COUNT", 3)
    crowd.act(10)

    with projecting(built):
        await_that(lambda: is_fresh(built))

    assert_exact(built)


# Who works


def test_of_several_one_works_and_the_others_stand_by(built: Ground, crowd: Crowd) -> None:
    with projecting(built, "one"), projecting(built, "two"), projecting(built, "three"):
        crowd.act(5)
        await_that(lambda: is_fresh(built))
        assert checkpoint_of(built).fence == 1

    assert_exact(built)


def test_a_standby_takes_over_after_a_clean_stop(built: Ground, crowd: Crowd) -> None:
    with projecting(built, "first") as first:
        await_that(lambda: lease_of(built).holder() == Holder("first", is_live=True))
        with projecting(built, "second"):
            first.stop()
            crowd.act(3)
            await_that(lambda: is_fresh(built))
            assert lease_of(built).holder() == Holder("second", is_live=True)

    assert_exact(built)


def test_a_standby_takes_over_when_the_lease_of_a_dead_one_ends(built: Ground, crowd: Crowd) -> None:
    Lease(built.database, PROJECTING, "dead").acquire()

    with projecting(built):
        crowd.act(3)
        await_that(lambda: is_fresh(built))

    assert_exact(built)


def test_it_releases_the_lease_when_it_is_stopped(built: Ground) -> None:
    with projecting(built):
        await_that(lambda: lease_of(built).holder())

    assert lease_of(built).holder() is None


def test_an_heir_need_not_wait_until_one_that_is_stopped_has_closed_its_tail(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    holders, close = [], Feed.__exit__

    def look_and_close(feed: Feed, *why: Any) -> None:
        holders.append(lease_of(built).holder())
        close(feed, *why)

    monkeypatch.setattr(Feed, "__exit__", look_and_close)
    with projecting(built):
        await_that(lambda: checkpoint_of(built).fence)

    assert holders == [None]


def test_one_that_is_fenced_while_its_lease_is_good_takes_the_place_back(built: Ground, crowd: Crowd) -> None:
    with projecting(built) as running:
        for _ in range(5):
            fence = taking_place(built).held.fence
            crowd.act(2)
            await_that(lambda fence=fence: checkpoint_of(built).fence > fence and is_fresh(built))  # type: ignore[misc]
        assert lease_of(built).holder() == Holder("projector", is_live=True)
        assert running.error is None

    assert_exact(built)


def test_one_whose_lease_was_lost_stands_by(built: Ground, crowd: Crowd) -> None:
    def stands_by() -> bool:
        # Until it has heard that its lease is lost it takes the place back, as it should.
        place = taking_place(built)
        crowd.act(2)
        is_left = heir.renew() and not is_fresh(built)
        return is_left and checkpoint_of(built).fence == place.held.fence

    with projecting(built, "slow") as running:
        await_that(lambda: lease_of(built).holder() == Holder("slow", is_live=True))
        heir = Lease(built.database, PROJECTING, "heir")
        await_that(lambda: end_lease(built) or heir.acquire())  # type: ignore[func-returns-value]
        await_that(stands_by)
        assert running.error is None
        heir.release()
        await_that(lambda: is_fresh(built))

    assert_exact(built)


# Whose views


def test_code_with_a_newer_projection_builds_the_views_anew(built: Ground, crowd: Crowd) -> None:
    crowd.act(3)
    finish(built)

    with projecting(built, projections=(NewerStats(),)):
        await_that(lambda: checkpoint_of(built).projections == versions((NewerStats(),)))
        crowd.act(3)
        await_that(lambda: is_fresh(built))

    assert live_of(built).number == 2
    assert_exact(built)


class Stopping(NewerStats):
    """Has the projector that builds its view stopped at the so-manieth event."""

    def __init__(self, stop: threading.Event, at: int) -> None:
        self._stop = stop
        self._left = at

    def tally(self, before: Job | None, after: Job, event: Recorded) -> Tally:
        self._left -= 1
        if self._left == 0:
            self._stop.set()
        return super().tally(before, after, event)


@pytest.mark.parametrize("at", ["the first event", "the last one"])
def test_one_that_is_stopped_while_it_builds_leaves_nothing_behind_and_the_live_views_as_they_were(
    built: Ground, crowd: Crowd, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    monkeypatch.setattr("projections.keeping.replay.CHUNK", 31)
    crowd.act(10)
    finish(built)
    before, held, names = shown(built), checkpoint_of(built), set(built.database.list_collection_names())
    stop = threading.Event()
    stopping = Stopping(stop, 1 if at == "the first event" else held.applied)

    Projector(built, (stopping,), "stopped").run(stop)

    assert stop.is_set()
    assert set(built.database.list_collection_names()) == names
    assert (shown(built), checkpoint_of(built)) == (before, held)
    assert [one["_id"] for one in built.database["checkpoints"].find()] == [held.generation]
    with projecting(built, projections=(NewerStats(),)):
        await_that(lambda: checkpoint_of(built).projections == versions((NewerStats(),)))
    assert live_of(built).number == held.generation + 1
    assert_exact(built)


def test_code_with_one_projection_more_builds_the_views_anew(built: Ground, crowd: Crowd) -> None:
    crowd.act(3)
    both = (Stats(), Other())

    with projecting(built, projections=both):
        await_that(lambda: is_fresh(built) and checkpoint_of(built).projections == versions(both))

    assert_exact(built, both)


@pytest.mark.parametrize("newer", [(NewerStats(),), (Stats(), Other())], ids=["higher version", "one more"])
def test_code_that_is_older_than_the_views_applies_nothing_and_keeps_nobody_from_working(
    ground: Ground, newer: tuple[Stats, ...], caplog: pytest.LogCaptureFixture
) -> None:
    build(ground, newer)
    before = checkpoint_of(ground)
    crowd = Crowd(ground)

    with projecting(ground, "older") as older:
        await_that(lambda: "standing by" in caplog.text)
        crowd.act(3)
        assert lease_of(ground).holder() is None
        assert checkpoint_of(ground) == before
        with projecting(ground, "newer", newer):
            await_that(lambda: is_fresh(ground))
        assert older.error is None

    assert_exact(ground, newer)


def test_code_is_newer_where_it_has_all_that_is_recorded_and_nothing_in_a_lower_version() -> None:
    assert is_newer({"a": 2, "b": 1}, {"a": 1})
    assert not is_newer({"a": 1}, {"a": 2})
    assert not is_newer({"a": 2}, {"a": 1, "b": 1})


def test_views_of_another_log_are_refused(built: Ground) -> None:
    built.database["checkpoints"].update_one({}, {"$set": {"log": "another"}})
    before = checkpoint_of(built)

    with projecting(built) as running:
        await_that(lambda: running.has_ended)

    assert isinstance(running.error, ForeignViews)
    assert "another log: drop" in str(running.error)
    assert checkpoint_of(built) == before
    assert lease_of(built).holder() is None


# What the log holds


def test_a_cursor_that_dies_under_it_is_opened_again(built: Ground, crowd: Crowd) -> None:
    admin = built.database.client.admin
    ours = {"ns": f"{built.database.name}.events", "cursor.tailable": True}
    with projecting(built) as running:
        for _ in range(3):
            crowd.act(3)
            await_that(lambda: is_fresh(built))
            operations = admin.aggregate([{"$currentOp": {"idleCursors": True}}, {"$match": ours}])
            cursors = [one["cursor"]["cursorId"] for one in operations]
            assert cursors
            built.database.command("killCursors", "events", cursors=cursors)
        crowd.act(3)
        await_that(lambda: is_fresh(built))
        assert running.error is None

    assert_exact(built)


def test_a_restored_backup_is_noticed_when_the_place_is_taken(built: Ground) -> None:
    put(built, "job-old", enqueued())
    put(built, "job-new", enqueued())
    finish(built)
    built.database["events"].delete_one({"_id": {"stream": "job-new", "version": 1}})

    with projecting(built):
        await_that(lambda: live_of(built).number == 2)

    assert set(shown(built).jobs) == {"old"}
    assert_exact(built)


def test_a_log_that_is_restored_under_a_running_projector_is_noticed(built: Ground, crowd: Crowd) -> None:
    with projecting(built) as running:
        crowd.act(3)
        await_that(lambda: is_fresh(built))
        backup = list(built.database["events"].find().sort("ts", 1).limit(30))
        built.database.drop_collection("events")
        await_that(lambda: live_of(built).number == 2)
        built.database["events"].insert_many(backup)
        await_that(lambda: is_fresh(built))
        assert running.error is None

    assert_exact(built)


def test_an_event_that_does_not_bear_its_contents_hash_is_no_restored_backup(built: Ground) -> None:
    (sealed,) = append("job-forged", enqueued()).events
    built.database["events"].insert_one({**bson.decode(sealed.raw), "actor": "another"})
    finish(built)

    with projecting(built) as running:
        put(built, "job-more", enqueued())
        await_that(lambda: "more" in shown(built).jobs)
        assert running.error is None

    assert live_of(built).number == 1
    assert is_in_log(checkpoint_of(built), built.log)


def test_views_that_lost_their_checkpoint_are_built_anew(built: Ground, crowd: Crowd) -> None:
    crowd.act(2)
    built.database["checkpoints"].delete_many({})

    with projecting(built):
        await_that(lambda: live_of(built).number == 2 and is_fresh(built))

    assert_exact(built)


# In quiet times


def test_on_a_quiet_log_the_token_is_saved_all_the_same(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "SAVE_EVERY", timedelta(0))
    before = checkpoint_of(built)

    with projecting(built):
        built.database["others"].insert_one({})
        await_that(lambda: checkpoint_of(built).token != before.token)

    after = checkpoint_of(built)
    assert (after.applied, after.last) == (before.applied, before.last)


def test_a_clock_that_fell_behind_is_set_again(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    # The database's clock was put on by a night.
    put(built, "job-one", replace(enqueued(), run_at=built.clock.now()))
    behind = DatabaseClock(built.database.client)
    behind.renew()
    assert behind._look
    monkeypatch.setattr(behind, "_look", replace(behind._look, shown=behind._look.shown - timedelta(hours=8)))
    monkeypatch.setattr("eventqueue.mongo.clock.RENEW_S", 0.0)
    with projecting(replace(built, clock=behind)):
        await_that(lambda: is_fresh(built) and is_ready(built, "one"))


def test_a_step_without_events_waits_no_longer_than_until_a_job_is_due(built: Ground) -> None:
    soon = built.clock.now() + timedelta(milliseconds=200)
    put(built, "job-one", replace(enqueued(), run_at=soon))
    finish(built)
    applier = taking_place(built)

    with Feed(built.database, applier.held.token) as feed:
        turn = turn_in(built, applier, feed)
        assert 0 <= turn._patience(built.clock) <= 0.2
        while not is_ready(built, "one"):
            turn.step(built.clock)

    assert built.clock.now() >= soon
    assert next_due(applier) is None


def test_batches_that_take_long_become_smaller_and_short_ones_larger_again(built: Ground) -> None:
    applier = taking_place(built)
    with Feed(built.database, applier.held.token) as feed:
        turn = turn_in(built, applier, feed)

        turn._adapt(1.0)
        assert turn._most == turns.BATCH_COUNT // 2
        for _ in range(20):
            turn._adapt(1.0)
        assert turn._most == 100
        for _ in range(30):
            turn._adapt(0.01)
        assert turn._most == turns.BATCH_COUNT


# What comes twice


def test_events_that_the_views_have_already_are_told_from_new_ones_and_nothing_is_rebuilt(
    built: Ground, crowd: Crowd
) -> None:
    old = checkpoint_of(built).token
    crowd.act(5)
    finish(built)
    # As a re-scan leaves it: the tail tells again of jobs that the scan has brought.
    checkpoints(built.database).update_one({"_id": live_of(built).number}, {"$set": {"token": old}})
    before = live_of(built).number

    with projecting(built):
        crowd.act(5)
        await_that(lambda: is_fresh(built))

    assert live_of(built).number == before
    assert_exact(built)


def test_after_what_the_oplog_lost_was_read_again_the_log_is_followed_as_before(
    built: Ground, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    feeds: list[int] = []
    rescans: list[int] = []
    rescan = projector.__dict__["rescan"]

    class LostOnce(Feed):
        def __init__(self, database: Any, token: Any) -> None:
            feeds.append(1)
            if len(feeds) == 1:
                raise HistoryLost("the oplog no longer reaches back to the checkpoint")
            super().__init__(database, token)

    def counted(*given: Any) -> None:
        rescans.append(1)
        rescan(*given)

    monkeypatch.setattr(projector, "Feed", LostOnce)
    monkeypatch.setattr(projector, "rescan", counted)
    crowd.act(5)
    with projecting(built):
        await_that(lambda: is_fresh(built))
        crowd.act(5)
        await_that(lambda: is_fresh(built) and len(feeds) > 1)

    assert_exact(built)
    assert len(rescans) == 1
