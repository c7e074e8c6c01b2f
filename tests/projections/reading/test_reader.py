"""The views as people read them: fresh where that can be had, honest where not, and never at a projector's cost."""

import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from bson.raw_bson import RawBSONDocument
from msgspec.structs import replace

from eventqueue.audit.fitting import trait_of
from eventqueue.audit.tally import By, of_traits
from eventqueue.connect import open_client
from eventqueue.errors import ForeignViews, JobNotFound, Refused
from eventqueue.model.codec import bucket_of
from eventqueue.model.job import State
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import PROJECTING, Lease
from eventqueue.ports.views import ANY, Filter, Lag, Trait
from projections.folds.due import SPREAD
from projections.folds.stats import Stats
from projections.keeping.ageing import merge_aged
from projections.reading import listing, refreshing, windows
from projections.reading.reader import ViewReader
from projections.registry import PROJECTIONS
from tests.builders import CANCELLED, DEAD_LETTERED, NOW, USED_UP_FAILURE, append, called, claimed, enqueued, failed
from tests.projections.crowd import Crowd
from tests.projections.exact import assert_exact, shown
from tests.projections.stage import (
    await_that,
    build,
    checkpoint_of,
    end_lease,
    finish,
    is_ready,
    live_of,
    projecting,
    put,
    taking_place,
)

FRESH = Lag(0.0)


class Other(Stats):
    name = "other"


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshing, "WAIT_S", 0.3)
    monkeypatch.setattr(refreshing, "STILL_S", 0.1)


def reader_on(ground: Ground, name: str = "reader") -> ViewReader:
    return ViewReader(ground, PROJECTIONS, name)


# Nobody at work


def test_the_first_who_looks_builds_the_views(ground: Ground) -> None:
    put(ground, "job-one", enqueued())
    one = reader_on(ground)

    assert one.refresh() == FRESH
    assert [job.id for job in one.jobs(Filter())] == ["one"]


def test_where_nobody_works_a_reader_applies_the_events_itself(built: Ground, crowd: Crowd) -> None:
    one = reader_on(built)
    for _ in range(3):
        crowd.act(5)
        assert one.refresh() == FRESH
        assert_exact(built)


def test_what_a_reader_catches_up_with_is_also_promoted(built: Ground) -> None:
    put(built, "job-one", replace(enqueued(), run_at=built.clock.now() - timedelta(hours=1)))

    reader_on(built).refresh()

    assert is_ready(built, "one")


def test_it_leaves_the_place_free(built: Ground) -> None:
    put(built, "job-one", enqueued())

    reader_on(built).refresh()

    assert Lease(built.database, PROJECTING, "other").acquire()


def test_of_many_who_look_at_once_each_sees_everything(built: Ground) -> None:
    Crowd(built).act(20)
    lags: list[Lag] = []
    start = threading.Barrier(8)

    def look(number: int) -> None:
        one = reader_on(built, f"reader-{number}")
        start.wait()
        lags.append(one.refresh())

    readers = [threading.Thread(target=look, args=(number,)) for number in range(8)]
    for thread in readers:
        thread.start()
    for thread in readers:
        thread.join()

    assert lags == [FRESH] * 8
    assert_exact(built)


def test_threads_of_one_process_may_look_at_once(built: Ground) -> None:
    one, crowd = reader_on(built), Crowd(built)
    lags: list[Lag] = []
    start = threading.Barrier(8)

    def look() -> None:
        start.wait()
        lags.append(one.refresh())

    for _ in range(5):
        crowd.act(10)
        readers = [threading.Thread(target=look) for _ in range(8)]
        for thread in readers:
            thread.start()
        for thread in readers:
            thread.join()

    assert lags == [FRESH] * 40
    assert_exact(built)


def test_a_reader_comes_to_an_end_while_others_append_without_one(built: Ground) -> None:
    with Crowd(built).acting(size=3, pause_s=0):
        put(built, "job-mine", enqueued())
        one = reader_on(built)
        assert one.refresh() == FRESH
        assert one.get("mine") is not None


# Somebody at work


def test_a_busy_projector_is_not_robbed_of_its_place(built: Ground, short_waits: None) -> None:
    Lease(built.database, PROJECTING, "projector").acquire()
    put(built, "job-one", enqueued())
    before = checkpoint_of(built)

    lag = reader_on(built).refresh()

    assert lag.seconds is not None
    assert lag.seconds > 0
    assert checkpoint_of(built) == before


def test_a_checkpoint_that_moves_is_waited_for_though_the_lease_is_over(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "WAIT_S", 0.3)
    monkeypatch.setattr(refreshing, "STILL_S", 60.0)
    Lease(built.database, PROJECTING, "projector").acquire()
    end_lease(built)
    put(built, "job-one", enqueued())
    before = checkpoint_of(built)

    assert not reader_on(built).refresh().is_fresh

    assert checkpoint_of(built) == before


def test_where_the_projector_has_died_the_reader_goes_on_in_its_place(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "STILL_S", 0.1)
    Lease(built.database, PROJECTING, "projector").acquire()
    put(built, "job-one", enqueued())
    end_lease(built)

    assert reader_on(built).refresh() == FRESH

    assert_exact(built)


def test_a_reader_waits_for_the_projector_and_then_sees_the_job(built: Ground) -> None:
    one = reader_on(built)
    with projecting(built):
        await_that(lambda: checkpoint_of(built).fence == 1)  # else the reader may be first
        for number in range(10):
            put(built, f"job-{number}", enqueued())
            assert one.refresh() == FRESH
            assert one.get(str(number)) is not None
        assert checkpoint_of(built).fence == 1


# Views that are not this reader's


def test_a_reader_with_other_projections_applies_nothing(ground: Ground, short_waits: None) -> None:
    build(ground, (Stats(), Other()))
    put(ground, "job-one", enqueued())
    before = checkpoint_of(ground)

    lag = reader_on(ground).refresh()

    assert lag.seconds
    assert checkpoint_of(ground) == before


def test_a_reader_older_than_an_event_brings_the_views_to_the_end_of_the_log_all_the_same(built: Ground) -> None:
    (sealed,) = append("job-two", enqueued()).events
    built.database["events"].insert_one(RawBSONDocument(sealed.raw.replace(b"enqueued\x00", b"inqueued\x00")))

    assert reader_on(built).refresh().is_fresh
    assert Lease(built.database, PROJECTING, "other").acquire()


def test_views_of_another_log_are_refused_with_the_remedy(built: Ground) -> None:
    built.database["checkpoints"].update_one({}, {"$set": {"log": "another"}})
    one = reader_on(built)

    for ask in (one.refresh, one.lag, one.snapshot):
        with pytest.raises(ForeignViews, match="another log: drop"):
            ask()


# A log that is not what it was


def missing(ground: Ground) -> None:
    ground.database["events"].delete_one({"_id": {"stream": "job-two", "version": 1}})


def different(ground: Ground) -> None:
    missing(ground)
    put(ground, "job-two", enqueued(command="false"))


def dropped(ground: Ground) -> None:
    kept = list(ground.database["events"].find({"_id.stream": "job-one"}))
    ground.database.drop_collection("events")
    ground.database["events"].insert_many(kept)


@pytest.mark.parametrize("restore", [missing, different, dropped])
def test_a_restored_backup_is_noticed_and_the_views_are_rebuilt(
    built: Ground, restore: Callable[[Ground], None]
) -> None:
    put(built, "job-one", enqueued())
    put(built, "job-two", enqueued())
    finish(built)

    restore(built)

    one = reader_on(built)
    assert one.lag() == Lag(None)
    assert one.refresh() == FRESH
    assert live_of(built).number == 2
    assert_exact(built)


def test_views_without_a_checkpoint_are_built_anew(built: Ground) -> None:
    put(built, "job-one", enqueued())
    built.database["checkpoints"].delete_many({})

    assert reader_on(built).refresh() == FRESH

    assert_exact(built)


# What is shown


def test_counts_are_what_the_jobs_give(built: Ground, crowd: Crowd) -> None:
    crowd.act(10)
    one = reader_on(built)
    one.refresh()

    by_hand: dict[str, dict[State, int]] = {}
    for job in crowd.jobs.values():
        counts = by_hand.setdefault(job.queue, {})
        counts[job.state] = counts.get(job.state, 0) + 1
    assert {q: {s: n for s, n in counts.items() if n} for q, counts in one.counts().items()} == by_hand


def test_jobs_are_listed_newest_first_and_as_filtered(built: Ground) -> None:
    hour = timedelta(hours=1)
    for number in range(4):
        events = [replace(enqueued(), queue=f"q{number % 2}", tags=("even",) if number % 2 == 0 else ())]
        built.log.append([append(f"job-{number}", *events, now=NOW + number * hour)])
    one = reader_on(built)
    one.refresh()

    def ids(**fields: object) -> list[str]:
        return [job.id for job in one.jobs(Filter(**fields))]  # type: ignore[arg-type]

    assert ids() == ["3", "2", "1", "0"]
    assert ids(limit=2) == ["3", "2"]
    assert ids(queue="q1") == ["3", "1"]
    assert ids(tag="even") == ["2", "0"]
    assert ids(since=NOW + 2 * hour) == ["3", "2"]
    assert ids(state=State.PENDING, queue="q0", tag="even", since=NOW + hour) == ["2"]
    assert ids(state=State.DEAD) == []


@pytest.mark.parametrize("tag", [None, "x"])
def test_the_jobs_of_one_call_are_listed_in_its_order_backwards_whatever_their_names(
    built: Ground, tag: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    monkeypatch.setattr(listing, "PAGE_MAX", 2)
    names = ["job-9", "job-10", "job-8", "job-11", "job-1"]
    built.log.append([append(name, replace(enqueued(tags=["x"]), nth=nth)) for nth, name in enumerate(names)])
    one = reader_on(built)
    one.refresh()

    listed = [job.stream for job in one.jobs(Filter(tag=tag))]

    assert listed == names[::-1]
    assert [job.stream for job in one.jobs(Filter(tag=tag, limit=2))] == listed[:2]


def test_the_dead_are_listed_by_when_they_died_and_by_their_error(built: Ground) -> None:
    for number in range(3):
        events = (enqueued(max_retries=0), claimed(), USED_UP_FAILURE, DEAD_LETTERED)
        built.log.append([append(f"job-{number}", *events, now=NOW + timedelta(hours=-number))])
    put(built, "job-waits", enqueued(), claimed(), failed())
    put(built, "job-cancelled", enqueued(), CANCELLED)
    one = reader_on(built)
    one.refresh()

    assert [job.id for job in one.jobs(Filter(state=State.DEAD))] == ["0", "1", "2"]
    assert [job.id for job in one.jobs(Filter(state=State.DEAD, since=NOW - timedelta(hours=1)))] == ["0", "1"]
    assert [job.id for job in one.jobs(Filter(state=State.FAILED, error="ended with 1."))] == ["waits"]
    assert [job.id for job in one.jobs(Filter(error="ended.with"))] == []


PATH = "C:\\\\x (all) [a]+ 100% $HOME ÄÖ"
ODD_META = {"a.b": 1, "$c": "d", "n": 7, "t": "7", "yes": True, "none": None, "": "empty"}
CHOSEN: dict[str, Mapping[str, Any]] = {
    "by all of its tags": {"tags": ("red", "blue")},
    "by a part of its command": {"command": PATH.lower()},
    "by its key": {"key": "k"},
    "by its group": {"group": "g"},
    "by its priority": {"priority_min": 3, "priority_max": 3},
    "by a name in meta with a dot in it": {"meta": {"a.b": "1"}},
    "by a name in meta that is no field": {"meta": {"$c": "d"}},
    "by a number": {"meta": {"n": "7"}},
    "by a text that is a number": {"meta": {"t": "7"}},
    "by a truth": {"meta": {"yes": "true", "none": "null", "": "empty"}},
}


@pytest.mark.parametrize("state", [None, State.PENDING])
@pytest.mark.parametrize("asked", CHOSEN.values(), ids=CHOSEN)
def test_a_job_is_chosen(built: Ground, asked: Mapping[str, Any], state: State | None) -> None:
    odd = {"command": f"run {PATH} now", "key": "k", "group": "g", "priority": 3, "meta": ODD_META}
    put(built, "job-odd", enqueued(tags=["red", "blue", "green"], **odd))
    put(built, "job-red", enqueued(tags=["red"], command="run x", key="l", meta={"yes": 1, "n": "x", "a": {"b": 1}}))
    put(built, "job-plain", called(tags=["blue"], meta={"c": "d"}))
    one = reader_on(built)
    one.refresh()

    assert [job.id for job in one.jobs(Filter(state=state, **asked))] == ["odd"]
    assert list(one.ids(Filter(state=state, **asked))) == ["odd"]


@pytest.mark.parametrize("text", ["\0", "x" * 5000, "(", "\\E", "é" * 2000, "İ", "ß", "\n"])
def test_any_text_may_be_looked_for(built: Ground, text: str) -> None:
    put(built, "job-one", enqueued(max_retries=0), claimed(), USED_UP_FAILURE, DEAD_LETTERED)
    one = reader_on(built)
    one.refresh()

    for field in ("command", "error", "worker", "key", "group", "tag", "queue", "task"):
        looking: Any = {field: text}
        assert list(one.jobs(Filter(**looking))) == []
    assert list(one.jobs(Filter(meta={text: text}))) == []


@pytest.mark.parametrize("by", [*get_args(By), ANY])
def test_what_jobs_are_counted_by_is_as_they_have_it_and_nothing_else_of_them_is_read(built: Ground, by: Any) -> None:
    put(built, "job-dead", enqueued(max_retries=0, tags=["x"]), claimed(), USED_UP_FAILURE, DEAD_LETTERED)
    put(built, "job-called", called("app.send", meta={"customer": "acme"}, tags=["x", "y"], queue="mail"))
    put(built, "job-cancelled", enqueued(command="make all"), CANCELLED)
    one = reader_on(built)
    one.refresh()

    for wanted in (
        Filter(),
        Filter(state=State.DEAD),
        Filter(error="ended with"),
        Filter(command="MAKE"),
        Filter(meta={"customer": "acme"}),
        Filter(tag="x", limit=1),
    ):
        whole = [trait_of(job, wanted) for job in one.jobs(wanted)]
        assert whole
        for kind in get_args(By) if by == ANY else [by]:
            assert of_traits(one.traits(wanted, by), kind, Lag(0.0)) == of_traits(whole, kind, Lag(0.0))
    (trait,) = one.traits(Filter(queue="mail"), "tag")
    assert trait == Trait(tags=("x", "y"))


def test_a_list_of_very_many_jobs_of_one_time_reads_each_place_a_few_times_at_most(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    monkeypatch.setattr(listing, "PAGE_MAX", 2)
    built.log.append([append(f"job-{number}", enqueued()) for number in range(100)])
    one = reader_on(built)
    one.refresh()
    read, places = listing._read, []

    def noted(collection: Any, query: Any, fields: Any, **options: Any) -> Any:
        found = read(collection, query, fields, **options)
        places.append(len(found) if "limit" in options else 0)
        return found

    monkeypatch.setattr(listing, "_read", noted)

    assert len(list(one.ids(Filter(limit=None)))) == 100
    assert sum(places) <= 300  # and not 2,550


def test_a_list_goes_on_after_a_job_wherever_that_stands(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    monkeypatch.setattr(listing, "PAGE_MAX", 2)
    for number in range(3):  # of each time several
        events, now = (claimed(), USED_UP_FAILURE, DEAD_LETTERED), NOW + timedelta(hours=number)
        for nth in range(4):
            first = replace(enqueued(max_retries=0), nth=nth)
            built.log.append([append(f"job-{number}{nth}", first, *events, now=now)])
    put(built, "job-lives", enqueued())
    one = reader_on(built)
    one.refresh()

    for state in (None, State.DEAD):
        whole = [job.id for job in one.jobs(Filter(state=state, limit=None))]
        paged = list(one.ids(Filter(state=state, limit=3)))
        while part := list(one.ids(Filter(state=state, limit=3, after=paged[-1]))):
            paged += part
        assert paged == whole
    with pytest.raises(JobNotFound):
        list(one.jobs(Filter(after="nobody")))
    with pytest.raises(Refused, match="Job lives is pending by now"):
        list(one.jobs(Filter(state=State.DEAD, after="lives")))


def test_of_more_that_wait_than_are_put_in_order_here_none_is_left_out(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FEW", 2)
    at = built.clock.now() + timedelta(hours=1)
    for number in range(6):  # each with an entry of its own
        put(built, f"job-{number}", replace(enqueued(), run_at=at + timedelta(seconds=number)))
    one = reader_on(built)
    one.refresh()

    for wanted in (Filter(state=State.PENDING), Filter(due_before=at + timedelta(hours=1)), Filter(due_after=NOW)):
        assert sorted(one.ids(wanted)) == [*"012345"]


def test_of_jobs_that_share_an_entry_those_are_listed_that_are_due_after_a_time(built: Ground) -> None:
    ids = [job_id for job_id in map(str, range(1000)) if bucket_of(f"job-{job_id}") == 0][:5]
    times = dict(zip(ids, (NOW + number * SPREAD / 4 for number in range(5)), strict=True))
    built.log.append([append(f"job-{job_id}", replace(enqueued(), run_at=at)) for job_id, at in times.items()])
    one = reader_on(built)
    one.refresh()
    assert live_of(built).due.count_documents({}) == 1

    for at in times.values():
        for beside in (timedelta(milliseconds=-1), timedelta(0), timedelta(milliseconds=1)):
            found = set(one.ids(Filter(due_after=at + beside)))
            assert found == {job_id for job_id in ids if times[job_id] > at + beside}
    assert set(one.ids(Filter(due_after=datetime.min.replace(tzinfo=UTC)))) == set(ids)


def test_who_looks_for_a_needle_in_a_haystack_is_told_that_it_is_a_scan(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "VAIN_MAX", 10)
    monkeypatch.setattr(listing, "PAGE", 5)
    monkeypatch.setattr(listing, "PAGE_MAX", 5)
    built.log.append([append(f"job-{number}", enqueued(command="hay")) for number in range(20)])
    built.log.append([append("job-needle", enqueued(command="needle"), now=NOW - timedelta(hours=1))])
    one = reader_on(built)
    one.refresh()

    with pytest.raises(Refused, match=r"10 jobs were looked at that do not fit, and there are more.*--scan"):
        list(one.jobs(Filter(command="needle")))
    assert [job.id for job in one.jobs(Filter(command="needle", scan=True))] == ["needle"]
    assert len(list(one.jobs(Filter(command="hay", limit=None)))) == 20
    assert [job.id for job in one.jobs(Filter(command="needle", created_until=NOW - timedelta(hours=1)))] == ["needle"]


def test_stats_count_once_what_is_merged_while_they_are_read(built: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    now = built.clock.now()
    put_at(built, "job-one", now - timedelta(hours=5))
    finish(built)
    one = reader_on(built)
    read: list[str] = []
    slices = windows.__dict__["slices"]

    def merging(counters: Any, query: Any, **options: Any) -> Iterator[bytes]:
        yield from slices(counters, query, **options)
        read.append(query["_id"]["$gte"]["key"][0])
        if read == ["minute"]:  # which is merged into its hour before that is read
            assert merge_aged(taking_place(built), now + timedelta(hours=6))

    monkeypatch.setattr(windows, "slices", merging)

    assert one.stats(timedelta(hours=12)).total.enqueued == 1
    assert read == ["minute", "hour", "day"]


def put_at(ground: Ground, stream: str, now: datetime) -> None:
    ground.log.append([append(stream, enqueued(), now=now)])


def test_an_operator_is_shown_who_works_and_how_far_it_has_come(built: Ground) -> None:
    one = reader_on(built)
    assert one.snapshot()["holder"] is None

    with projecting(built, "projector/here"):
        # Before that a reader catches up by itself.
        await_that(lambda: one.snapshot()["holder"] is not None)
        put(built, "job-one", enqueued())
        one.refresh()
        snapshot = one.snapshot()

    assert snapshot["holder"] == "projector/here"
    assert (snapshot["generation"], snapshot["applied"], snapshot["parked"]) == (1, 1, [])
    assert shown(built).jobs["one"].version == 1


def test_a_deployment_that_prefers_secondaries_is_read_from_the_primary(built: Ground, server_uri: str) -> None:
    put(built, "job-one", enqueued())
    with open_client(f"{server_uri}&readPreference=secondary") as client:
        there = reader_on(replace(built, database=client[built.database.name]))

        assert there.refresh() == FRESH
        assert there.get("one") is not None
        assert len([*there.jobs(Filter())]) == 1
        assert there.counts() == {"default": {State.PENDING: 1}}


@pytest.mark.parametrize(
    ("change", "is_readable"),
    [({"$unset": {"nth": 1}}, True), ({"$set": {"created_at": "soon"}}, False), ({"$set": {"tags": "x"}}, False)],
    ids=str,
)
@pytest.mark.parametrize("state", [None, State.PENDING])
def test_a_job_that_cannot_be_read_hides_no_other_from_a_list(
    built: Ground, change: dict[str, Any], state: State | None, *, is_readable: bool
) -> None:
    for name in ("a", "b", "c"):
        put(built, f"job-{name}", enqueued())
    finish(built)
    live_of(built).jobs.update_one({"_id": "b"}, change)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        listed = {job.id for job in reader_on(built).jobs(Filter(state=state))}

    assert listed == ({"a", "b", "c"} if is_readable else {"a", "c"})
    assert ["Job b is passed over" in str(one.message) for one in told] == ([] if is_readable else [True])


@pytest.mark.parametrize(("before", "missing", "generation"), [(20, 3, 1), (2, 20, 2)])
def test_a_long_way_to_the_end_of_the_log_is_shown_and_the_shorter_one_taken(
    built: Ground, monkeypatch: pytest.MonkeyPatch, before: int, missing: int, generation: int
) -> None:
    monkeypatch.setattr(refreshing, "LONG", 2)
    for number in range(before):
        put(built, f"job-{number}", enqueued())
    finish(built)
    for number in range(before, before + missing):
        put(built, f"job-{number}", enqueued())
    one = reader_on(built)
    shown_: list[int] = []
    one.building = lambda: nullcontext(shown_.append)

    assert one.refresh().is_fresh

    assert live_of(built).number == generation
    assert shown_[-1] == before + missing
    assert_exact(built)
