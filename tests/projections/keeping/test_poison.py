"""Poison in the log: it parks its job, whatever is wrong with it, and everything else keeps flowing."""

from collections.abc import Mapping, Sequence
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.max_key import MaxKey
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from bson.regex import Regex
from bson.timestamp import Timestamp

from eventqueue.errors import JobParked
from eventqueue.model.events import EMPTY, Amended, Event, LateResult, Recorded, Terms
from eventqueue.model.job import Job, State
from eventqueue.mongo.ground import Ground
from eventqueue.ports.finder import Share
from eventqueue.ports.log import Append
from projections.folds.decoding import Poison
from projections.folds.projection import Tally
from projections.folds.stats import Stats
from projections.keeping.tail import Tail
from projections.reading.candidates import ViewFinder
from projections.reading.reader import ViewReader
from projections.reading.verify import sample
from projections.registry import PROJECTIONS
from tests.builders import CANCELLED, COMPLETED, NOW, RELEASED, RETRIED_AFTER_WAIT, append, claimed, enqueued, failed
from tests.projections.exact import documents, shown
from tests.projections.stage import (
    await_that,
    build,
    checkpoint_of,
    document,
    finish,
    is_fresh,
    is_ready,
    live_of,
    projecting,
    put,
    taking_place,
    unread,
)

# What another writer, or a later defect, might leave in an event.
SPOILT: Mapping[str, Mapping[str, Any]] = {
    "data that does not fit": {"data": {"queue": 7}},
    "a field that is missing": {"data": {}},
    "a date beyond the year 9999": {"data.run_at": DatetimeMS(2**55)},
    "a time beyond the year 9999": {"at": DatetimeMS(2**55)},
    "a type that only BSON has": {"data.meta": {"x": [ObjectId(24 * "a")]}},
    "a number that only BSON has": {"data.asked": {"x": Decimal128("1.5")}},
}


MILLISECONDS = CodecOptions[dict[str, Any]](datetime_conversion=DatetimeConversion.DATETIME_MS)


def put_spoilt(ground: Ground, stream: str, changes: Mapping[str, Any]) -> None:
    """Insert a first event that is spoilt from the beginning: what the tail shows is the insert."""
    (sealed,) = append(stream, enqueued()).events
    insert(ground, bson.decode(sealed.raw, MILLISECONDS), changes)


def insert(ground: Ground, stored: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for name, value in changes.items():
        place, _, inner = name.partition(".")
        stored[place] = {**stored[place], inner: value} if inner else value
    ground.database["events"].insert_one(RawBSONDocument(bson.encode(stored)), bypass_document_validation=True)


@pytest.mark.parametrize("changes", SPOILT.values(), ids=SPOILT)
def test_a_first_event_that_cannot_be_read_parks_its_job_and_the_others_flow(
    built: Ground, changes: Mapping[str, Any]
) -> None:
    put_spoilt(built, "job-spoilt", changes)
    put(built, "job-sound", enqueued())

    finish(built)

    assert document(built, "spoilt")["parked"]
    assert not is_ready(built, "spoilt")
    assert shown(built).jobs["sound"].state is State.PENDING
    assert is_fresh(built)


def test_a_text_that_is_no_utf8_parks_its_job(built: Ground) -> None:
    (sealed,) = append("job-spoilt", enqueued(command="scrambled")).events
    built.database["events"].insert_one(RawBSONDocument(sealed.raw.replace(b"scrambled", b"scramb\xff\xfed")))
    put(built, "job-sound", enqueued())

    finish(built)

    assert document(built, "spoilt")["parked"]
    assert shown(built).jobs["sound"].state is State.PENDING


@pytest.mark.parametrize("value", [ObjectId(24 * "a"), Regex("a"), Timestamp(1, 1), {"x": [MaxKey()]}], ids=repr)
def test_a_result_that_is_no_json_parks_its_job(built: Ground, value: Any) -> None:
    put(built, "job-odd", enqueued(), claimed())
    (sealed,) = append("job-odd", COMPLETED, head=built.log.read("job-odd")[-1].head).events
    insert(built, bson.decode(sealed.raw), {"data.result": value})
    put(built, "job-sound", enqueued())

    finish(built)

    assert document(built, "odd")["parked"]
    assert shown(built).jobs["sound"].state is State.PENDING


def test_names_of_megabytes_stop_nobody(built: Ground) -> None:
    for stream in ("job-" + "n" * 300_000, "else-" + "n" * 300_000):
        put_spoilt(built, stream, {})
    put_spoilt(built, "job-typed", {"type": "t" * 5_000_000})
    put(built, "job-sound", enqueued())

    finish(built)

    assert set(shown(built).jobs) == {"sound"}
    assert len(document(built, "typed")["parked"]["problem"]) < 2_000
    assert is_fresh(built)


def test_variables_that_a_hand_adds_to_a_job_without_end_stop_nobody(built: Ground) -> None:
    put(built, "job-grows", enqueued())
    head = built.log.read("job-grows")[-1].head
    for number in range(60):
        now = Terms(env={f"V{number}_{part}": "x" * 100_000 for part in range(5)}, priority=number)
        (sealed,) = append("job-grows", Amended(was=Terms(), now=now), head=head).events
        built.database["events"].insert_one(RawBSONDocument(sealed.raw))
        head = sealed.recorded.head
    put(built, "job-sound", enqueued())

    finish(built)

    found = shown(built).jobs
    assert found["sound"].state is State.PENDING
    assert found["grows"].priority == 59
    assert is_fresh(built)


def test_a_job_that_has_become_too_large_for_a_document_is_parked_as_it_stood_and_the_others_flow(
    built: Ground,
) -> None:
    forge_large(built, "job-large")
    put(built, "job-sound", enqueued())

    finish(built)

    assert "more than" in document(built, "large")["parked"]["problem"]
    assert document(built, "large")["version"] == 5
    assert shown(built).jobs["sound"].state is State.PENDING
    assert is_fresh(built)


def test_a_rebuild_parks_a_job_that_is_too_large_for_a_document_too(built: Ground) -> None:
    forge_large(built, "job-large")
    put(built, "job-sound", enqueued())
    finish(built)
    live = document(built, "large")

    build(built)

    assert document(built, "large") == live
    assert shown(built).jobs["sound"].state is State.PENDING


def forge_large(ground: Ground, stream: str) -> None:
    """Insert a job of which no event is too large, and all together are."""
    (sealed,) = [append(stream, enqueued(), claimed(), failed(), RETRIED_AFTER_WAIT, claimed(attempt=2), COMPLETED)]
    text = "x" * 6_000_000
    large: dict[int, Mapping[str, Any]] = {
        1: {"data.meta": {"text": text}},
        3: {"data.error": {"type": "E", "message": text}},
        6: {"data.result": text},
    }
    for one in sealed.events:
        stored = bson.decode(one.raw, MILLISECONDS)
        insert(ground, stored, large.get(one.recorded.version, {}))


def test_small_changes_of_very_many_large_jobs_are_written_in_as_many_commands_as_it_takes(built: Ground) -> None:
    large = enqueued(command=": " + "x" * 120_000, env={"B": "x" * 80_000})
    changed = Amended(was=Terms(), now=Terms(env={"A": "1"}))
    for start in range(0, 300, 30):  # 60 MB together: more than a command may hold
        streams = [f"job-{start + number}" for number in range(30)]
        put_all(built, [append(stream, large, now=built.clock.now()) for stream in streams])
    finish(built)
    heads = {f"job-{number}": built.log.read(f"job-{number}")[-1].head for number in range(300)}
    put_all(built, [append(stream, changed, head=head) for stream, head in heads.items()])
    applier = taking_place(built)
    events, token = unread(built, applier.held.token)

    applier.commit(applier.prepare(events, token, built.clock.now(), size=500 * len(events)))

    assert live_of(built).jobs.count_documents({"run.env.A": "1", "parked": None}) == 300


def put_all(ground: Ground, appends: Sequence[Append]) -> None:
    assert all(done.is_whole for done in ground.log.append(appends))


def test_a_later_event_that_cannot_be_read_leaves_the_job_as_it_stood(built: Ground) -> None:
    put(built, "job-one", enqueued(), claimed())
    finish(built)
    stands = document(built, "one")
    history = built.log.read("job-one")
    (sealed,) = append("job-one", COMPLETED, head=history[-1].head).events
    stored = {**bson.decode(sealed.raw), "data": {"exit_code": "none"}}
    built.database["events"].insert_one(stored)

    finish(built)

    found = document(built, "one")
    assert found.pop("parked")
    assert found == stands


def test_the_projector_survives_poison_and_being_started_again(built: Ground) -> None:
    put(built, "job-one", enqueued())
    finish(built)
    put_spoilt(built, "job-spoilt", SPOILT["data that does not fit"])
    history = built.log.read("job-one")
    (sealed,) = append("job-one", claimed(), head=history[-1].head).events
    built.database["events"].insert_one({**bson.decode(sealed.raw), "data": {"worker": 7}})

    for number in (2, 3):
        with projecting(built, f"projector-{number}") as running:
            put(built, f"job-{number}", enqueued())
            await_that(lambda: is_fresh(built))
        assert running.error is None
        assert str(number) in shown(built).jobs


def test_events_of_a_parked_job_change_nothing_more(built: Ground) -> None:
    put_spoilt(built, "job-one", SPOILT["data that does not fit"])
    finish(built)
    parked = document(built, "one")
    (first,) = append("job-one", enqueued()).recorded
    built.log.append([append("job-one", claimed(), COMPLETED, head=first.head)])
    put(built, "late-one", LateResult(claim=2, worker="worker-1", outcome="completed", data={}))

    finish(built)

    assert document(built, "one") == parked
    assert shown(built).counters == {"stats": {}}


class Picky:
    """A projection that refuses whatever was cancelled."""

    name = "picky"
    version = 1

    def tally(self, before: Job | None, after: Job, recorded: Recorded) -> Tally:
        if after.state is State.CANCELLED:
            raise ValueError("no cancelled jobs here")
        return {("seen", after.queue): {"events": 1}}


class PickyAboutLateResults(Picky):
    """A projection that refuses late results."""

    name = "unforgiving"

    def tally(self, before: Job | None, after: Job, recorded: Recorded) -> Tally:
        if isinstance(recorded.event, LateResult):
            raise ValueError("too late")
        return {}


def test_a_projection_that_raises_parks_the_job_as_it_stood_and_the_others_flow(ground: Ground) -> None:
    projections = (Stats(), Picky())
    build(ground, projections)
    put(ground, "job-one", enqueued(), CANCELLED)
    put(ground, "job-two", enqueued(), claimed())

    finish(ground, projections)

    assert document(ground, "one")["parked"] == {
        "projection": "picky",
        "problem": "job-one version 2: ValueError: no cancelled jobs here",
    }
    view = shown(ground, projections)
    assert (view.jobs["one"].state, view.jobs["two"].state) == (State.PENDING, State.PROCESSING)
    assert view.counters["picky"] == {("seen", "default"): {"events": 3}}


def test_a_parked_job_is_told_to_whoever_asks_for_it_and_is_in_no_list(built: Ground) -> None:
    put_spoilt(built, "job-spoilt", SPOILT["data that does not fit"])
    put(built, "job-sound", enqueued())
    finish(built)
    reader = ViewReader(built, PROJECTIONS, "reader")

    with pytest.raises(JobParked, match="spoilt stands still"):
        reader.get("spoilt")
    assert reader.snapshot()["parked"] == ["spoilt"]
    assert list(ViewFinder(built.database).get(["spoilt", "sound"])) == ["sound"]


def test_a_parked_job_is_no_candidate(built: Ground) -> None:
    put(built, "job-one", enqueued())
    finish(built)
    history = built.log.read("job-one")
    (sealed,) = append("job-one", claimed(), head=history[-1].head).events
    built.database["events"].insert_one({**bson.decode(sealed.raw), "data": {"worker": 7}})

    finish(built)

    finder = ViewFinder(built.database)
    assert document(built, "one")["due_at"] is not None  # as its view stands it could be claimed
    assert finder.heads([Share(None, ())], 1) == []


def test_nobody_is_told_that_a_parked_job_is_ready(built: Ground) -> None:
    put(built, "job-one", enqueued())
    applier = taking_place(built)
    _, token = unread(built, applier.held.token)

    signal = applier.apply([*built.log.read("job-one"), Poison("job-one", 2, "it cannot be read")], token, NOW)

    assert document(built, "one")["parked"]
    assert signal.ready == ()


def put_all_kinds_of_trouble(ground: Ground) -> None:
    """Append everything that parks a job, at the beginning, in the middle and at the end, among sound ones."""
    for number, changes in enumerate(SPOILT.values()):
        put_spoilt(ground, f"job-first-{number}", changes)
        append_spoilt(ground, f"job-later-{number}", changes, enqueued(), claimed())
    put(ground, "job-cancelled", enqueued(), CANCELLED)
    put(ground, "job-late", enqueued(), claimed())
    put(ground, "late-late", LateResult(claim=2, worker="worker-1", outcome="completed", data={}))
    put(ground, "job-odd", enqueued(), claimed())
    append_spoilt(ground, "late-odd", SPOILT["data that does not fit"])
    append_spoilt(ground, "job-newer", {"type": "reincarnated"}, enqueued())
    put(ground, "job-sound", enqueued(), claimed(), COMPLETED)


def append_spoilt(ground: Ground, stream: str, changes: Mapping[str, Any], *before: Event) -> None:
    """Append an event that is spoilt, behind these, and a sound one behind it, which nobody may apply."""
    put(ground, stream, *before) if before else None
    head = ground.log.read(stream)[-1].head if before else EMPTY
    spoilt, sound = append(stream, RELEASED, claimed(), head=head, now=ground.clock.now()).events
    insert(ground, bson.decode(spoilt.raw, MILLISECONDS) | {"type": "enqueued"}, changes)
    ground.database["events"].insert_one(bson.decode(sound.raw))


@pytest.mark.parametrize("refusing", [Picky(), PickyAboutLateResults()], ids=lambda one: one.name)
def test_a_rebuild_parks_what_live_views_park_and_leaves_each_job_as_they_do(ground: Ground, refusing: Picky) -> None:
    projections = (Stats(), refusing)
    build(ground, projections)
    put_all_kinds_of_trouble(ground)
    finish(ground, projections)
    live = documents(live_of(ground))

    built = build(ground, projections)

    assert live_of(ground).number == 2
    assert documents(built) == live
    assert built.count_parked() == 2 * len(SPOILT) + 3
    assert shown(ground, projections).jobs["sound"].state is State.COMPLETED


def test_views_that_are_lost_come_back_by_themselves_whatever_is_in_the_log(
    built: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    put_all_kinds_of_trouble(built)
    for name in built.database.list_collection_names():
        if name not in ("events", "layout", "signals", "leases"):
            built.database.drop_collection(name)

    with projecting(built) as running:
        put(built, "job-more", enqueued())
        await_that(lambda: is_fresh(built))

    assert running.error is None
    assert {"sound", "more", "late", "odd"} <= set(shown(built).jobs)
    assert f"{2 * len(SPOILT) + 2} jobs are parked" in caplog.text


def test_the_place_of_an_event_is_known_however_spoilt_it_is(built: Ground) -> None:
    put_spoilt(built, "job-spoilt", {"at": DatetimeMS(2**55), "data": {"when": DatetimeMS(-(2**60))}})

    with Tail(built.database, checkpoint_of(built).token) as tail:
        (change,) = tail.read()

    assert (change.event.stream, change.event.version) == ("job-spoilt", 1)


ELSEWHERE: Mapping[str, Mapping[str, Any]] = {
    "the two in the other order": {"version": 2, "stream": "job-one"},
    "a third beside them": {"stream": "job-one", "version": 1, "more": 1},
    "a stream that is no text": {"stream": 7, "version": 2},
}


@pytest.mark.parametrize("place", ELSEWHERE.values(), ids=ELSEWHERE)
def test_an_event_under_another_kind_of_id_is_no_jobs_and_changes_and_stops_nothing(
    built: Ground, place: Mapping[str, Any]
) -> None:
    put(built, "job-one", enqueued())
    (stored,) = append("job-one", claimed(), head=built.log.read("job-one")[-1].head).events
    built.database["events"].insert_one({**bson.decode(stored.raw), "_id": place}, bypass_document_validation=True)
    put(built, "job-two", enqueued())

    finish(built)
    before = shown(built)
    assert {name: job.version for name, job in before.jobs.items()} == {"one": 1, "two": 1}
    assert is_fresh(built)
    assert build(built).number == 2
    finish(built)

    assert shown(built) == before
    assert ViewReader(built, PROJECTIONS, "reader").lag().is_fresh  # and it is this log's
    assert set(sample(built, 10)) == {"one", "two"}
