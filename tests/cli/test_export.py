"""`queuectl audit export` and `import`, as people and scripts use them."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient

from eventqueue.api.queue import Queue
from tests.cli.commands import Queuectl, is_one_sentence
from tests.cli.terminals import on_terminal
from tests.conftest import NewDatabase
from tests.limits import no_file_beyond
from tests.mongo.conftest import Store
from tests.transfer.logs import fill, stored


@pytest.fixture
def filled(queuectl: Queuectl, queue: Queue) -> Queuectl:
    fill(queue)
    return queuectl


def test_on_stdout_is_the_export_and_nothing_else(filled: Queuectl) -> None:
    first, *events, last = [json.loads(line) for line in filled.process("audit", "export").out.splitlines()]

    assert (first["format"], first["version"], first["asked"]) == ("eventqueue-export", 1, {})
    assert len(first["made_at"]) == len("2026-11-28T03:12:00.000Z")
    assert [one["type"] for one in events if one["stream"] == "job-a"] == ["enqueued", "claimed", "completed"]
    assert list(events[0]) == [
        *("stream", "version", "ts", "type", "schema", "id", "at", "actor", "bucket", "cause", "data", "prev", "hash"),
        "raw",
    ]
    assert last["events"] == len(events) == 8


def test_a_file_says_how_many_events_are_in_it_and_becomes_a_log(
    filled: Queuectl,
    new_database: NewDatabase,
    tmp_path: Path,
) -> None:
    path, other = str(tmp_path / "log.jsonl"), new_database()

    out = filled.ok("audit", "export", "--out", path)
    brought = filled.ok("audit", "import", path, "--db", other.name, "--json")

    assert out.out == f"✔ 8 events written to {path}\n"
    assert brought.json["db"] == other.name
    assert brought.json["events"] == 8
    there = filled.with_environ(QUEUECTL_DB=other.name)
    for words in (("list",), ("history", "a"), ("queue", "list"), ("audit", "verify", "--all"), ("events",)):
        assert there.ok(*words, "--json").out == filled.ok(*words, "--json").out


def test_what_is_wrong_with_a_log_is_wrong_with_it_there_too(
    filled: Queuectl, database: Store, new_database: NewDatabase, tmp_path: Path
) -> None:
    path, other = str(tmp_path / "log.jsonl"), new_database()
    database["events"].update_one({"_id": {"stream": "job-a", "version": 2}}, {"$set": {"data.worker": "nobody"}})
    filled.ok("audit", "export", "--out", path)
    filled.ok("audit", "import", path, "--db", other.name)

    here = filled.here("audit", "verify", "a", "--json")
    there = filled.with_environ(QUEUECTL_DB=other.name).here("audit", "verify", "a", "--json")

    assert (here.code, there.code) == (1, 1)
    assert there.json["findings"] == here.json["findings"] != []


def test_a_file_that_is_cut_is_refused_in_a_sentence(
    filled: Queuectl, new_database: NewDatabase, tmp_path: Path
) -> None:
    path, other = tmp_path / "log.jsonl", new_database()
    filled.ok("audit", "export", "--out", str(path))
    path.write_bytes(path.read_bytes()[:-200])

    ran = filled.here("audit", "import", str(path), "--db", other.name)

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "Nothing was imported" in ran.err
    assert other.list_collection_names() == []


def test_into_a_database_in_use_nothing_is_imported(filled: Queuectl, tmp_path: Path) -> None:
    path = str(tmp_path / "log.jsonl")
    filled.ok("audit", "export", "--out", path)

    ran = filled.here("audit", "import", path)

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "--db NAME" in ran.err


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_what_ends_an_export_is_told_by_its_exit_code_and_nothing_is_left(
    filled: Queuectl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals, code: int
) -> None:
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)}
    for one in before:  # nohup has had SIGHUP ignored, and that is respected
        signal.signal(one, signal.SIG_DFL)
    monkeypatch.setattr(Queue, "export", lambda *_: os.kill(os.getpid(), sent))
    try:
        ran = filled.here("audit", "export", "--out", f"{tmp_path}/log.jsonl")
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)

    assert (ran.code, ran.err) == (code, f"✘ Interrupted by {sent.name}.\n")
    assert list(tmp_path.iterdir()) == []


def test_conditions_choose_of_which_jobs_the_events_are(filled: Queuectl) -> None:
    filled.ok("cancel", "b")

    ran = filled.here("audit", "export", "state:cancelled", "queue:mail")

    first, *events, _ = [json.loads(line) for line in ran.out.splitlines()]
    assert first["asked"] == {"jobs": "state:cancelled queue:mail"}
    assert [(one["stream"], one["type"]) for one in events] == [("job-b", "enqueued"), ("job-b", "cancelled")]
    wrong = filled.here("audit", "export", "stat:dead")
    assert wrong.code == 2
    assert is_one_sentence(wrong)


def test_with_since_it_is_said_what_the_file_is_not_for(filled: Queuectl, tmp_path: Path) -> None:
    assert "can only be read" in filled.ok("audit", "export", "--since", "1h", "--out", str(tmp_path / "x")).err


def test_what_cannot_be_replaced_by_a_file_is_refused(filled: Queuectl) -> None:
    ran = filled.here("audit", "export", "--out", os.devnull)

    assert ran.code == 1
    assert is_one_sentence(ran)


def test_where_no_file_can_be_written_it_is_named_as_it_was_typed(filled: Queuectl) -> None:
    ran = filled.here("audit", "export", "--out", "/no/such/place")

    assert ran.err == "✘ /no/such/place: No such file or directory.\n"


def test_where_there_is_no_room_it_is_named_too_and_nothing_of_it_is_left(filled: Queuectl, tmp_path: Path) -> None:
    path = str(tmp_path / "log.jsonl")

    with no_file_beyond(100):
        ran = filled.here("audit", "export", "--out", path)

    assert (ran.code, ran.err) == (1, f"✘ {path}: File too large.\n")
    assert list(tmp_path.iterdir()) == []


def test_to_export_and_to_import_draws_progress(
    filled: Queuectl, queue: Queue, new_database: NewDatabase, tmp_path: Path
) -> None:
    queue.enqueue_many([{"command": "true"}] * 2500)
    path = str(tmp_path / "log.jsonl")

    assert "━" in on_terminal(filled, "audit", "export", "--out", path, columns=120)
    assert "━" in on_terminal(filled, "audit", "import", path, "--db", new_database().name, columns=120)


def test_a_parquet_file_has_typed_columns_and_the_bytes(
    filled: Queuectl, client: MongoClient[dict[str, Any]], tmp_path: Path
) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    path = str(tmp_path / "log.parquet")
    filled.ok("audit", "export", "--format", "parquet", "--out", path)

    table = parquet.read_table(path)
    kinds = dict(zip(table.schema.names, table.schema.types, strict=True))
    assert kinds == {
        **dict.fromkeys(("stream", "type", "actor", "data"), pa.string()),
        **dict.fromkeys(("version", "schema", "bucket"), pa.int64()),
        **dict.fromkeys(("id", "cause", "prev", "hash", "raw"), pa.binary()),
        "at": pa.timestamp("ms", tz="UTC"),
        "ts": pa.uint64(),
    }
    rows = table.to_pylist()
    assert sorted(one["raw"] for one in rows) == sorted(stored(client[filled.environ["QUEUECTL_DB"]]))
    first, second, _ = [one for one in rows if one["stream"] == "job-a"]
    assert (first["version"], second["version"]) == (1, 2)
    assert second["prev"] == first["hash"]
    assert json.loads(second["data"])["worker"] == "worker-1"
    assert [one["ts"] for one in rows] == sorted(one["ts"] for one in rows)
    first = json.loads(table.schema.metadata[b"eventqueue"])
    assert (first["format"], len(first["made_at"])) == ("eventqueue-export", len("2026-11-28T03:12:00.000Z"))


def test_without_pyarrow_it_is_said_what_to_install(
    filled: Queuectl, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)

    ran = filled.here("audit", "export", "--format", "parquet", "--out", str(tmp_path / "x"))

    assert ran.code == 1
    assert is_one_sentence(ran)
    assert "pip install 'pyarrow>=17'" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_parquet_is_not_for_stdout(filled: Queuectl) -> None:
    assert filled.here("audit", "export", "--format", "parquet").code == 2
