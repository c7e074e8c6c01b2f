"""A log that is exported and imported is that log again: byte for byte, with its views and its verdict."""

import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from struct import pack
from typing import Any

import bson
import pytest
from bson.binary import Binary
from bson.timestamp import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient

from eventqueue.api.queue import Queue
from eventqueue.api.sealing import Seals
from eventqueue.errors import LogIncomplete, Refused, Unavailable
from eventqueue.model.job import State
from eventqueue.mongo.ground import stand_on
from eventqueue.mongo.layout import LAYOUT
from eventqueue.ports.views import Filter, Lag
from eventqueue.system.whole import whole_file
from eventqueue.transfer.file import check
from eventqueue.transfer.lines import Asked
from eventqueue.transfer.unpacking import unpack
from tests.builders import NOW, append, claimed, enqueued, said
from tests.conftest import NewDatabase
from tests.mongo.conftest import Store
from tests.projections.crowd import Crowd
from tests.projections.exact import folded
from tests.projections.stage import build
from tests.transfer.logs import export, stored


def bring(path: str, database: Store, tell: Callable[[int], object] = lambda _: None) -> int:
    return unpack(database, check(path), tell)


def log_of(database: Store) -> str:
    return str((database["layout"].find_one() or {})["log"])


def test_every_event_of_every_category_comes_back_byte_for_byte(
    filled: Queue, database: Store, new_database: NewDatabase, tmp_path: Path
) -> None:
    other = new_database()

    assert bring(export(filled, tmp_path), other) == 8
    assert stored(other) == stored(database)
    assert len({one.split(b"stream\x00")[1][4:8] for one in stored(other)}) > 4
    assert log_of(other) == log_of(database)


def document(raw: dict[str, Any]) -> dict[str, Any]:
    full = {
        "_id": {"stream": "job-wild", "version": 1},
        "id": b"",
        "type": "enqueued",
        "schema": 1,
        "at": NOW,
        "actor": "x",
        "bucket": 1,
        "cause": None,
        "data": {},
        "prev": None,
        "ts": Timestamp(5, 6),
        "hash": b"",
    }
    return {**full, **raw}


WILD: dict[str, Callable[[], bytes]] = {
    "a type that nobody knows": lambda: bson.encode(document({"type": "telepathy"})),
    "data of types that JSON has not": lambda: bson.encode(
        document({"data": {"n": float("nan"), "d": bson.Decimal128("1"), "r": bson.Regex("x"), "b": Binary(b"x", 5)}})
    ),
    "a date beyond the calendar": lambda: bson.encode(document({"at": bson.datetime_ms.DatetimeMS(2**62)})),
    "a text that is no UTF-8": lambda: bson.encode(document({"actor": "§§"})).replace(
        "§§".encode(), b"\xff\xfe\xfd\xfc"
    ),
    "no time of the log": lambda: bson.encode(document({"ts": "never"})),
    "a time beyond that of the log": lambda: bson.encode(document({"ts": bson.MaxKey()})),
    "a version in front of the stream": lambda: bson.encode(document({"_id": {"version": 1, "stream": "job-a"}})),
    "an `_id` that is a number": lambda: bson.encode(document({"_id": 7})),
    "a stream of no category": lambda: bson.encode(document({"_id": {"stream": "nonsense", "version": 3}})),
    "nothing but an `_id`": lambda: bson.encode({"_id": {"stream": "job-bare", "version": 1}}),
}


@pytest.mark.parametrize("kind", WILD)
def test_whatever_somebody_has_put_into_the_log_comes_back_too(
    filled: Queue, database: Store, new_database: NewDatabase, tmp_path: Path, kind: str
) -> None:
    database.command("collMod", "events", validator={})
    database.command("insert", "events", documents=[bson.raw_bson.RawBSONDocument(WILD[kind]())])
    other = new_database()

    assert bring(export(filled, tmp_path), other) == 9
    assert stored(other) == stored(database)


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_of_random_histories_the_views_are_the_same_here_and_there(
    client: MongoClient[dict[str, Any]], server_uri: str, new_database: NewDatabase, tmp_path: Path, seed: int
) -> None:
    one, other = new_database(), new_database()
    ground = stand_on(one)
    build(ground)
    Crowd(ground, seed).act(batches=6)
    with Queue(server_uri, one.name) as queue:
        bring(export(queue, tmp_path), other)

    copied = stand_on(other)
    build(copied)

    assert stored(other) == stored(one)
    assert folded(copied) == folded(ground)
    with Queue(server_uri, other.name) as queue:
        assert not queue.verify_all().findings
        assert list(queue.verify_views()) == []


def test_what_is_imported_is_a_log_that_goes_on(
    filled: Queue, server_uri: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    other = new_database()
    bring(export(filled, tmp_path), other)

    with Queue(server_uri, other.name) as queue:
        queue.cancel("b")
        assert [one.id for one in queue.list().jobs] == [one.id for one in filled.list().jobs]
    assert other["events"].options()["validator"] == filled.connection.ground.database["events"].options()["validator"]
    assert "ts" in other["events"].index_information()


def test_a_part_with_whole_streams_is_a_log_of_its_own(
    filled: Queue, database: Store, new_database: NewDatabase, tmp_path: Path
) -> None:
    other = new_database()

    assert bring(export(filled, tmp_path, Asked(tag="nightly")), other) == 4
    assert {one["_id"]["stream"] for one in other["events"].find()} == {"job-a", "late-a"}
    assert log_of(other) != log_of(database)


def test_of_a_queue_its_jobs_and_its_own_events_are_taken(
    filled: Queue, new_database: NewDatabase, tmp_path: Path
) -> None:
    other = new_database()

    bring(export(filled, tmp_path, Asked(queue="mail")), other)

    assert {one["_id"]["stream"] for one in other["events"].find()} == {"job-b", "queue-mail"}


def test_of_jobs_that_fit_a_filter_all_is_taken_and_the_file_says_that_it_is_a_part(
    filled: Queue, server_uri: str, database: Store, new_database: NewDatabase, tmp_path: Path
) -> None:
    filled.cancel_all(Filter(queue="mail"))  # b
    new = filled.restart_all(Filter(queue="mail", state=State.CANCELLED)).done
    path, other = export(filled, tmp_path, Asked(jobs="state:pending created>-1h")), new_database()

    first = json.loads(Path(path).read_text().splitlines()[0])
    assert (new, first["version"]) == (1, 2)
    assert re.fullmatch(r"state:pending created>\d{4}-\S+", first["asked"]["jobs"])
    (job,) = filled.list(state=State.PENDING).jobs
    assert bring(path, other) == 1
    assert {one["_id"]["stream"] for one in other["events"].find()} == {job.stream}
    assert log_of(other) != log_of(database)
    with Queue(server_uri, other.name) as queue:
        verdict = queue.verify_all()
        assert verdict.findings == ()  # though neither the old job is there nor the act
        assert any("is a part of another" in one for one in verdict.not_held)


def test_of_many_jobs_as_of_few_the_same_is_taken(
    filled: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = Path(export(filled, tmp_path, Asked(jobs="tag:nightly"))).read_text().splitlines()
    monkeypatch.setattr("eventqueue.audit.wanted.JOBS_MAX", 0)
    many = Path(export(filled, tmp_path, Asked(jobs="tag:nightly"))).read_text().splitlines()

    assert len(few) == 6
    assert few[1:-1] == many[1:-1]


def test_where_it_is_not_known_which_jobs_fit_nothing_is_exported(
    filled: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filled.connection.views, "refresh", lambda: Lag(3.0))

    with pytest.raises(Unavailable, match="as the view is behind the log"):
        export(filled, tmp_path, Asked(jobs="tag:nightly"))

    assert list(tmp_path.iterdir()) == []


def later(queue: Queue) -> datetime:
    """Have some more happen to job b, a while after all else; return a time in between."""
    log, clock = queue.connection.ground.log, queue.connection.ground.clock
    last = log.read("job-b")[-1]
    assert last.ts is not None
    between = last.ts.as_datetime() + timedelta(seconds=1)
    while clock.now() <= between + timedelta(seconds=1):  # an estimate, and the server stamps it by its own
        pass
    log.append([append("job-b", claimed(), head=last.head, now=clock.now())])
    return between


def test_of_streams_without_their_beginnings_no_log_is_made(
    filled: Queue, new_database: NewDatabase, tmp_path: Path
) -> None:
    path, other = export(filled, tmp_path, Asked(since=later(filled))), new_database()

    with pytest.raises(Refused, match=r"job-b begins with version 2.*Nothing was imported"):
        bring(path, other)
    assert other.list_collection_names() == []


def test_with_since_streams_that_are_whole_make_a_log(filled: Queue, new_database: NewDatabase, tmp_path: Path) -> None:
    between, other = later(filled), new_database()
    filled.connection.ground.log.append([append("job-new", enqueued(), now=filled.connection.ground.clock.now())])

    assert bring(export(filled, tmp_path, Asked(since=between, queue="default")), other) == 1


def test_until_leaves_beginnings_of_streams_which_make_a_log(
    filled: Queue, new_database: NewDatabase, tmp_path: Path
) -> None:
    between, other = later(filled), new_database()

    assert bring(export(filled, tmp_path, Asked(until=between)), other) == 8


def test_what_is_appended_while_it_is_exported_is_not_in_it(
    filled: Queue, database: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.mongo.timeline.WINDOW", 2)
    before, events = stored(database), filled.stored_events()
    found = [next(events)]
    log = filled.connection.ground.log
    log.append([append("job-a", said(1), head=log.read("job-a")[-1].head), append("job-z", enqueued())])

    found += events

    assert sorted(found) == sorted(before)


def test_while_traffic_flows_each_stream_is_taken_from_its_beginning_without_a_gap(
    server_uri: str, new_database: NewDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.mongo.timeline.WINDOW", 5)
    one = new_database()
    crowd = Crowd(stand_on(one), seed=7)
    crowd.act(batches=2)
    with crowd.acting(), Queue(server_uri, one.name) as queue:
        taken = [list(map(place_of, queue.stored_events())) for _ in range(4)]

    for places in taken:
        versions: dict[str, int] = {}
        for stream, version in places:
            assert version == versions.get(stream, 0) + 1
            versions[stream] = version


def place_of(raw: bytes) -> tuple[str, int]:
    place = bson.decode(raw)["_id"]
    return place["stream"], place["version"]


def test_of_a_long_log_the_old_is_read_before_the_rest(filled: Queue, database: Store) -> None:
    # As if it had been taken years ago, and the log had gone on since.
    database.command("collMod", "events", validator={})
    for number, raw in enumerate(one for one in stored(database) if b"job-" in one):
        place = raw.index(b"\x11ts\x00") + 4
        old = raw[:place] + pack("<II", number, 9) + raw[place + 8 :]
        was = [bson.raw_bson.RawBSONDocument(old.replace(b"job-", b"old-"))]
        database.command("insert", "events", documents=was)

    found = list(filled.stored_events())

    assert len(found) == len(stored(database)) == 12
    assert [b"old-" in one for one in found] == [True] * 4 + [False] * 8


def test_a_file_is_for_its_owner_alone_and_is_there_when_it_is_whole(filled: Queue, tmp_path: Path) -> None:
    path = export(filled, tmp_path)
    assert os.stat(path).st_mode & 0o777 == 0o600

    was = Path(path).read_bytes()
    with suppress(KeyboardInterrupt), whole_file(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert [one.name for one in tmp_path.iterdir()] == [Path(path).name]
    assert Path(path).read_bytes() == was


def test_what_is_brought_in_once_more_is_there_already_and_is_told_so(
    filled: Queue, new_database: NewDatabase, tmp_path: Path
) -> None:
    path, other = export(filled, tmp_path), new_database()
    bring(path, other)
    before = stored(other)

    with pytest.raises(Refused, match="is this log already"):
        bring(path, other)
    assert stored(other) == before


def test_while_a_log_arrives_nobody_takes_a_part_of_it_for_one(
    filled: Queue, server_uri: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    path, other = export(filled, tmp_path), new_database()

    def look(_: int) -> None:
        layout = other["layout"].find_one()
        assert layout is not None
        assert layout["version"] > LAYOUT  # which an older eventqueue, that knows of no arrivals, refuses
        assert "ts" in other["events"].index_information()  # and not made in the end, of millions of events at once
        raise KeyboardInterrupt

    with suppress(KeyboardInterrupt):
        bring(path, other, look)
    with Queue(server_uri, other.name, prepares=False) as queue, pytest.raises(LogIncomplete):
        queue.verify_all()

    bring(path, other)

    assert (other["layout"].find_one() or {})["version"] == LAYOUT


def test_the_seals_of_a_log_hold_for_it_where_it_was_brought(
    filled: Queue, server_uri: str, new_database: NewDatabase, tmp_path: Path
) -> None:
    seals, other = tmp_path / "seals.jsonl", new_database()
    Seals(filled.connection).seal(None)
    Seals(filled.connection).export(str(seals))
    bring(export(filled, tmp_path), other)

    with Queue(server_uri, other.name) as queue:
        queue.rebuild_views()
        assert not queue.verify_all(against=str(seals)).findings
        other["events"].delete_many({"_id.stream": "job-b"})
        queue.rebuild_views()
        assert "job-b" in {one.stream for one in queue.verify_all(against=str(seals)).findings}


def test_of_a_part_it_is_no_fault_that_an_act_on_many_jobs_is_elsewhere_and_of_all_of_it_it_is(
    queue: Queue, database: Store, new_database: NewDatabase, server_uri: str, tmp_path: Path
) -> None:
    queue.enqueue(command="true", id="one", queue="mail")
    queue.cancel_all(Filter(queue="mail"))
    part, whole = new_database(), new_database()
    bring(export(queue, tmp_path, Asked(queue="mail")), part)
    database["events"].delete_many({"_id.stream": {"$regex": "^act-"}})
    bring(export(queue, tmp_path), whole)

    found = []
    for one in (part, whole):
        with Queue(server_uri, one.name) as brought:
            found.append([finding.problem for finding in brought.verify_all().findings])

    assert found[0] == []
    assert [problem for problem in found[1] if "of which the log has nothing" in problem] != []
