"""Views that show more than the log are built anew, and what they had that the log has no more is told to the log."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from bson.datetime_ms import DatetimeMS

from eventqueue.model.upkeep import STREAM, Lost, ViewsRebuilt
from eventqueue.mongo.ground import Ground
from projections.keeping import lost as losing
from projections.keeping import rebuild as rebuilding
from projections.keeping.lost import lost
from projections.keeping.rebuild import rebuild
from projections.reading.operator import ViewOperator
from projections.reading.reader import ViewReader
from projections.registry import PROJECTIONS
from tests.builders import CANCELLED, claimed, enqueued
from tests.projections.exact import assert_exact
from tests.projections.stage import await_that, finish, live_of, projecting, put


def by_a_projector(ground: Ground) -> None:
    with projecting(ground):
        await_that(lambda: ground.log.read(STREAM))


def by_a_reader(ground: Ground) -> None:
    ViewReader(ground, PROJECTIONS, "reader").refresh()


def by_an_operator(ground: Ground) -> None:
    ViewOperator(ground, PROJECTIONS, "operator").rebuild(None, lambda _: None, why="to be sure")


WAYS = [by_a_projector, by_a_reader, by_an_operator]


@pytest.fixture
def cut(built: Ground) -> Ground:
    """A log from which a job and the end of another were removed, behind the back of its views."""
    put(built, "job-whole", enqueued())
    put(built, "job-short", enqueued(), claimed())
    put(built, "job-gone", enqueued(), CANCELLED)
    finish(built)
    built.database["events"].delete_many({"_id.stream": "job-gone"})
    built.database["events"].delete_one({"_id": {"stream": "job-short", "version": 2}})
    return built


def told(ground: Ground) -> list[Lost | None]:
    return [one.event.lost for one in ground.log.read(STREAM) if isinstance(one.event, ViewsRebuilt)]


@pytest.mark.parametrize("build", WAYS)
def test_what_the_views_had_and_the_log_has_no_more_is_in_the_log_whoever_builds_them_anew(
    cut: Ground, build: Callable[[Ground], None]
) -> None:
    build(cut)

    assert told(cut) == [Lost(stream="job-gone", version=2, events=5, jobs=2, such=("gone", "short"))]
    finish(cut)
    assert_exact(cut)


def test_a_job_that_was_removed_is_told_of_also_where_the_last_event_is_there(built: Ground) -> None:
    put(built, "job-gone", enqueued())
    put(built, "job-later", enqueued())
    finish(built)
    built.database["events"].delete_many({"_id.stream": "job-gone"})

    by_an_operator(built)

    assert told(built) == [Lost(stream="job-gone", version=1, events=2, jobs=1, such=("gone",))]


def test_what_was_lost_is_told_while_the_views_that_tell_it_are_there(
    cut: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, suppress(KeyboardInterrupt):
        patched.setattr(rebuilding, "record", die)
        by_an_operator(cut)
    assert told(cut) == []

    by_an_operator(cut)

    (found,) = told(cut)
    assert found is not None
    assert found.such == ("gone", "short")


def test_where_the_log_has_all_that_the_views_show_nothing_is_lost(built: Ground) -> None:
    put(built, "job-whole", enqueued())
    finish(built)

    by_an_operator(built)

    assert told(built) == [None]


def test_of_very_many_jobs_some_are_named(cut: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losing, "NAMED", 1)
    monkeypatch.setattr(losing, "AT_ONCE", 1)

    assert lost(cut) == Lost(stream="job-gone", version=2, events=5, jobs=2, such=("gone",))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda ground: ground.database["checkpoints"].update_many({}, {"$set": {"token._data": "none"}}),
        lambda ground: ground.database["checkpoints"].delete_many({}),
        lambda ground: live_of(ground).jobs.drop(),
        lambda ground: live_of(ground).jobs.update_many({}, {"$set": {"version": "x"}}),
        lambda ground: live_of(ground).jobs.update_many({}, {"$set": {"version": DatetimeMS(3 * 10**17)}}),
    ],
    ids=["token", "checkpoint", "jobs", "versions", "dates"],
)
def test_views_that_somebody_has_spoilt_are_built_anew_all_the_same(
    cut: Ground, spoil: Callable[[Ground], object]
) -> None:
    spoil(cut)

    rebuild(cut, PROJECTIONS, cut.database.client.start_session())

    finish(cut)
    assert_exact(cut)
