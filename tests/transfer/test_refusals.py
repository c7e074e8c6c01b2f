"""What is no whole export is refused in a sentence, and what is cut off in the middle is taken by nobody for a log."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import bson
import pytest
from bson.timestamp import Timestamp
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.audit.seals import LogSealed
from eventqueue.connect import connect
from eventqueue.errors import LogIncomplete, Refused
from eventqueue.model.codec import EPOCH
from eventqueue.mongo.arrival import Origin, arrive
from eventqueue.mongo.clock import majority_time
from eventqueue.transfer.file import check
from eventqueue.transfer.lines import FORMAT, VERSION, Asked, First, line_of
from eventqueue.transfer.lines import lines as lines_of
from eventqueue.transfer.unpacking import unpack
from tests.builders import NOW, sealed
from tests.conftest import NewDatabase
from tests.mongo.conftest import Store
from tests.transfer.logs import export, stored
from tests.travel.lives import taken


def refusal(path: str) -> str:
    with pytest.raises(Refused) as raised:
        check(path)
    return str(raised.value)


def test_a_file_that_is_cut_anywhere_is_refused(filled: Queue, tmp_path: Path) -> None:
    whole = Path(export(filled, tmp_path)).read_bytes()
    cut = tmp_path / "cut"
    ends = [place for place, char in enumerate(whole) if char == ord("\n")]
    for place in (0, 1, *(end + more for end in ends for more in (-40, -1, 0, 1, 40) if end + more < len(whole) - 1)):
        cut.write_bytes(whole[:place])

        assert str(cut) in refusal(str(cut))


def test_a_file_of_which_a_line_is_missing_doubled_or_elsewhere_is_refused(filled: Queue, tmp_path: Path) -> None:
    whole = Path(export(filled, tmp_path)).read_bytes().splitlines(keepends=True)
    other = tmp_path / "other"
    for lines in ([*whole[:3], *whole[4:]], [*whole[:3], *whole[2:]], [*whole[:2], whole[3], whole[2], *whole[4:]]):
        other.write_bytes(b"".join(lines))

        assert "was altered" in refusal(str(other))


def test_a_file_that_shows_people_something_else_than_the_bytes_say_is_refused(filled: Queue, tmp_path: Path) -> None:
    path = Path(export(filled, tmp_path))
    path.write_bytes(path.read_bytes().replace(b'"actor":"test"', b'"actor":"boss"', 1))

    assert "what the event's bytes do not" in refusal(str(path))


def document(more: bytes = b"", place: Any = MappingProxyType({"stream": "job-x", "version": 1})) -> bytes:
    """Return an event with so much more in it."""
    body = (
        bson.encode({"_id": dict(place) if isinstance(place, Mapping) else place, "ts": Timestamp(7, 7)})[4:-1] + more
    )
    return (len(body) + 5).to_bytes(4, "little") + body + b"\x00"


def nested(levels: int) -> bytes:
    inner = b"\x05\x00\x00\x00\x00"
    for _ in range(levels - 1):
        inner = (len(inner) + 8).to_bytes(4, "little") + b"\x03a\x00" + inner + b"\x00"
    return b"\x03a\x00" + inner


NO_EVENT: Mapping[str, bytes] = {
    "nothing": b"",
    "garbage": b"garbage that is no document",
    "a part of one": document()[:-3],
    "a byte too many": document() + b"\x00",
    "a text that is longer than it": document(b"\x02x\x00\xff\x00\x00\x00y\x00"),
    "a type that there is none of": document(b"\x55x\x00"),
    "17 MB": document(bson.encode({"x": "x" * (17 * 1024 * 1024)})[4:-1]),
    "a little too much": document(bson.encode({"x": "x" * (16 * 1024 * 1024)})[4:-1]),
    "5,000 levels": document(nested(5000)),
    "181 levels": document(nested(181)),
    "no `_id`": bson.encode({"stream": "job-x", "ts": Timestamp(7, 7)}),
    "a time that the server puts in": bson.encode({"_id": {"stream": "job-x", "version": 1}, "ts": Timestamp(0, 0)}),
}
NEVER: Mapping[str, bytes] = {
    "an `_id` that is a list": document(place=[1]),
    "an `_id` with a name that begins with a dollar": document(place={"$stream": 1}),
    "two `_id`s": document(bson.encode({"_id": 7})[4:-1]),
}


def exported(place: Path, *events: bytes) -> str:
    """Write a file that is whole, whatever the events in it are."""
    first = First(format=FORMAT, version=VERSION, log="0" * 32, export=uuid4().hex, made_at=NOW, asked=Asked())
    (place / "made.jsonl").write_bytes(b"".join(lines_of(first, events)))
    return str(place / "made.jsonl")


@pytest.mark.parametrize("kind", [*NO_EVENT, *NEVER])
def test_a_whole_file_of_what_is_no_event_leaves_a_database_as_empty_as_it_was(
    filled: Queue,
    database: Store,
    new_database: NewDatabase,
    tmp_path: Path,
    kind: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good, other, bad = stored(database), new_database(), {**NO_EVENT, **NEVER}[kind]
    path = exported(tmp_path, *good[:3], bad, *good[3:])
    monkeypatch.setattr("eventqueue.mongo.arrival.BATCH", 2)

    with pytest.raises(Refused, match="Nothing was imported") as raised:
        unpack(other, check(path))

    assert len(str(raised.value)) < 400
    assert ("its event 4" in str(raised.value)) == (kind in NO_EVENT)
    assert other.list_collection_names() == []
    assert unpack(other, check(export(filled, tmp_path))) == 8


@pytest.mark.parametrize("bad", [document(nested(199)), document(nested(300))], ids=["199 levels", "300 levels"])
def test_what_the_server_never_takes_is_given_up_at_once_and_told_in_a_sentence(
    database: Store, filled: Queue, new_database: NewDatabase, bad: bytes
) -> None:
    other = new_database()

    with pytest.raises(Refused, match="MongoDB takes one of the events never: ") as raised:
        arrive(other, Origin("key", "of a test", "log", "--db"), [*stored(database), bad])

    assert len(str(raised.value)) < 400
    assert other.list_collection_names() == []


def test_an_event_of_as_many_levels_as_the_server_takes_is_brought_in(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    other = new_database()
    deep = document(nested(180))

    assert unpack(other, check(exported(tmp_path, deep))) == 1
    assert stored(other) == [deep]


def test_a_whole_file_with_two_events_in_the_same_place_is_no_log(
    filled: Queue, database: Store, new_database: NewDatabase, tmp_path: Path
) -> None:
    other, good = new_database(), stored(database)

    with pytest.raises(Refused, match=r"the same place.*Nothing was imported"):
        unpack(other, check(exported(tmp_path, *good, good[0].replace(b"test", b"boss"))))
    assert other.list_collection_names() == []


@pytest.mark.parametrize(("ahead_s", "is_taken"), [(-60, True), (300, False), (10 * 86_400, True)])
def test_a_log_that_was_sealed_by_a_clock_ahead_is_brought_in_once_that_time_has_come(
    filled: Queue, database: Store, new_database: NewDatabase, tmp_path: Path, ahead_s: int, *, is_taken: bool
) -> None:
    until = majority_time(database).time + ahead_s
    said = LogSealed(
        log="0" * 32,
        number=1,
        size=1,
        root=bytes(32),
        events=1,
        until=(until, 0),
        looked=(until, 1),
        leaves=(1, 1),
        peaks=(bytes(32),),
    )
    (one,) = sealed(said, stream="seal-log")
    seal, other = taken(one, EPOCH + timedelta(seconds=until + 1)).raw, new_database()
    path = exported(tmp_path, *stored(database), seal)

    if is_taken:
        assert unpack(other, check(path)) == 9
    else:
        with pytest.raises(Refused, match=r"sealed until .*Nothing was imported"):
            unpack(other, check(path))
        assert other.list_collection_names() == []


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"\n", b"{}\n", b"[1]\n", b"\xff\xfe\x00", b'{"format":"tar","version":1}\n'):
        (tmp_path / "some").write_bytes(content)

        assert "is no export" in refusal(str(tmp_path / "some"))


def test_an_export_of_what_was_asked_in_words_that_are_not_known_is_taken_for_no_whole_log(
    filled: Queue, tmp_path: Path
) -> None:
    path = Path(export(filled, tmp_path))
    path.write_bytes(path.read_bytes().replace(b'"asked":{', b'"asked":{"group":"mail"', 1))

    assert "is no export" in refusal(str(path))


def test_an_export_of_a_newer_form_is_refused_with_what_to_do(filled: Queue, tmp_path: Path) -> None:
    path = Path(export(filled, tmp_path))
    path.write_bytes(path.read_bytes().replace(b'"version":1', b'"version":3', 1))

    assert "upgrade" in refusal(str(path))


def test_a_file_that_is_another_by_the_time_it_is_imported_makes_no_log(
    filled: Queue, new_database: NewDatabase, tmp_path: Path, server_uri: str
) -> None:
    path, more = export(filled, tmp_path), export(filled, tmp_path)
    found, other = check(path), new_database()
    Path(path).write_bytes(b"".join(Path(more).read_bytes().splitlines(keepends=True)[:-2]))

    with pytest.raises(Refused):
        unpack(other, found)
    with pytest.raises(LogIncomplete):
        connect(server_uri, other.name, "test")


@pytest.mark.parametrize("kind", ["a log", "an empty log", "something else"])
def test_a_database_that_is_not_empty_stays_as_it_is(
    filled: Queue, server_uri: str, new_database: NewDatabase, tmp_path: Path, kind: str
) -> None:
    path, other = check(export(filled, tmp_path)), new_database()
    if kind == "something else":
        other["books"].insert_one({"title": "Emma"})
    else:
        with Queue(server_uri, other.name) as queue:
            queue.enqueue_many([{"command": "true"}] if kind == "a log" else [])
    before = sorted(other.list_collection_names()), stored(other)

    with pytest.raises(Refused, match=r"not empty.*--db NAME"):
        unpack(other, path)
    assert (sorted(other.list_collection_names()), stored(other)) == before


KILLED = """
import os, signal, sys
from eventqueue.connect import unprepared
from eventqueue.mongo import arrival
from eventqueue.transfer.file import check
from eventqueue.transfer.unpacking import unpack

arrival.BATCH = 1
def tell(number):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
with unprepared(sys.argv[1], sys.argv[2]) as database:
    unpack(database, check(sys.argv[3]), tell)
"""


@pytest.fixture
def killed(filled: Queue, server_uri: str, new_database: NewDatabase, tmp_path: Path) -> tuple[Store, str]:
    """A database in the middle of whose import the importer was killed, and the file."""
    path, other = export(filled, tmp_path), new_database()
    done = subprocess.run([sys.executable, "-c", KILLED, server_uri, other.name, path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(stored(other)) == 3
    return other, path


def test_what_was_killed_in_the_middle_is_no_log(killed: tuple[Store, str], server_uri: str) -> None:
    other, _ = killed

    with pytest.raises(LogIncomplete, match=r"holds a part of a log.*bring it in again"):
        connect(server_uri, other.name, "test")
    assert set(other.list_collection_names()) == {"events", "layout"}


def test_what_was_killed_in_the_middle_is_gone_on_with(
    killed: tuple[Store, str], database: Database[Any], server_uri: str
) -> None:
    other, path = killed

    assert unpack(other, check(path)) == 8
    assert stored(other) == stored(database)
    connect(server_uri, other.name, "test").close()


def test_nothing_else_is_brought_into_what_was_killed(killed: tuple[Store, str], filled: Queue, tmp_path: Path) -> None:
    other, _ = killed

    with pytest.raises(LogIncomplete, match="part of another log"):
        unpack(other, check(export(filled, tmp_path)))
    assert len(stored(other)) == 3


def test_an_event_that_stands_there_with_other_bytes_is_not_passed_over(
    killed: tuple[Store, str], server_uri: str
) -> None:
    other, path = killed
    other["events"].update_one({}, {"$set": {"actor": "boss"}})

    with pytest.raises(LogIncomplete, match="other events"):
        unpack(other, check(path))
    with pytest.raises(LogIncomplete):
        connect(server_uri, other.name, "test")


def test_what_ends_the_events_with_an_error_leaves_no_log(
    filled: Queue, database: Store, new_database: NewDatabase
) -> None:
    other = new_database()

    def events() -> Iterator[bytes]:
        yield from stored(database)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        arrive(other, Origin("key", "of a test", "log", "--db"), events())
    assert "arriving" in (other["layout"].find_one() or {})


def test_a_line_is_told_from_the_last_one_whatever_it_holds(database: Store, filled: Queue) -> None:
    assert all(line_of(raw).startswith(b'{"stream":') for raw in stored(database))
