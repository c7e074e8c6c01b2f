"""An event that cannot be read, among settings, pauses or elsewhere: what was good holds, and who reads it is told."""

from collections.abc import Callable, Mapping
from typing import Any

import bson
import pytest
from bson import Decimal128, Int64
from bson.datetime_ms import DatetimeMS
from bson.raw_bson import RawBSONDocument
from pymongo.database import Database

from eventqueue.api.queue import Queue
from eventqueue.model.events import ConfigSet, Event, Paused
from tests.builders import append, claimed
from tests.cli.commands import Queuectl
from tests.cli.past import completed
from tests.cli.test_doctor import check

Store = Database[dict[str, Any]]
Spoil = Callable[[dict[str, Any]], bytes]


def _scrambled(stored: dict[str, Any]) -> bytes:
    return bson.encode({**stored, "actor": "scrambled"}).replace(b"scrambled", b"scramb\xff\xfed")


SPOILT: Mapping[str, Spoil] = {
    "data that does not fit": lambda stored: bson.encode({**stored, "data": {"name": 7, "why": 7}}),
    "a newer type": lambda stored: bson.encode({**stored, "type": "reconsidered"}),
    "an event of something else": lambda stored: bson.encode({**stored, "type": "cancelled", "data": {"why": "x"}}),
    "a text that is no UTF-8": _scrambled,
    "an event without its hash": lambda stored: bson.encode({k: v for k, v in stored.items() if k != "hash"}),
    "a time beyond the year 9999": lambda stored: bson.encode({**stored, "at": DatetimeMS(2**55)}),
}


def put_spoilt(queue: Queue, stream: str, event: Event, spoil: Spoil) -> None:
    """Append an event as somebody might who has the right to insert."""
    log = queue.connection.ground.log
    (one,) = append(stream, event, head=log.read(stream)[-1].head).events
    queue.connection.ground.database["events"].insert_one(
        RawBSONDocument(spoil(bson.decode(one.raw))), bypass_document_validation=True
    )


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_settings_hold_as_they_were_and_can_be_set_again(queuectl: Queuectl, queue: Queue, spoil: Spoil) -> None:
    queuectl.ok("config", "set", "max-retries", "5")
    put_spoilt(queue, "config-default", ConfigSet(name="max-retries", value=7), spoil)

    ran = queuectl.process("enqueue", "--id", "one", "--", "true")

    assert (ran.code, ran.out) == (0, "✔ Job added: one\n")
    if spoil is not SPOILT["an event of something else"]:  # that changes nothing, whoever reads it
        assert "The settings stay as they were" in ran.err
        assert ran.err.count("\n") == 1
        assert "config list" in queuectl.process("config", "list").err
        assert "config-default" in check(queuectl.process("doctor", "--json"), "settings")["found"]
    assert queuectl.process("config", "get", "max-retries").out == "5\n"
    queuectl.process("config", "set", "max-retries", "6")
    assert queuectl.ok("config", "get", "max-retries").out == "6\n"
    assert check(queuectl.here("doctor", "--json"), "settings")["remedy"] is None


@pytest.mark.parametrize("version", ["x", 2.5, None, Int64(2**60), Decimal128("7.5")])
def test_what_stands_at_no_version_changes_no_setting_and_no_pause_and_ends_no_command(
    queuectl: Queuectl, queue: Queue, database: Store, version: Any
) -> None:
    queuectl.ok("config", "set", "max-retries", "5")
    queuectl.ok("queue", "pause", "default", "--why", "it moves")
    for stream in ("config-default", "queue-default"):
        (one,) = queue.connection.ground.log.read_raw(stream)
        odd = {**bson.decode(one), "_id": {"stream": stream, "version": version}}
        database["events"].insert_one(odd, bypass_document_validation=True)

    assert queuectl.ok("config", "get", "max-retries").out == "5\n"
    assert queuectl.ok("queue", "list", "--json").json[0]["paused"]["why"] == "it moves"
    assert queuectl.here("config", "set", "max-retries", "6").code == 0
    assert queuectl.here("queue", "resume", "default").code == 0
    assert queuectl.ok("config", "get", "max-retries").out == "6\n"
    for stream in ("config-default", "queue-default"):
        assert [one.version for one in queue.connection.ground.log.read(stream)] == [1, 2]
    assert len(queuectl.ok("events", "--json").out.splitlines()) == 6  # who looks for it sees it
    queuectl.ok("enqueue", "--id", "one", "--", "true")
    assert queuectl.process("worker", "start", "--until-empty").code == 0
    ran = queuectl.here("audit", "verify", "--all", "--json")
    assert ran.code == 1
    assert sum("is no stream and version" in one["problem"] for one in ran.json["findings"]) == 2
    assert queuectl.here("audit", "verify", "--all", "--since", "1h").code == 1


@pytest.mark.parametrize(("name", "value"), [("lease", "soon"), ("queue", ""), ("concurrency", 0), ("timeout", [1])])
def test_a_stored_value_that_does_not_fit_its_setting_changes_nothing(
    queuectl: Queuectl, queue: Queue, name: str, value: Any
) -> None:
    queuectl.ok("config", "set", "max-retries", "5")
    before = queuectl.ok("config", "get", name).out
    put_spoilt(queue, "config-default", ConfigSet(name=name, value=value), bson.encode)

    ran = queuectl.process("config", "get", name)

    assert (ran.code, ran.out) == (0, before)
    assert f"config-default version 2 sets {name}" in ran.err
    assert queuectl.process("enqueue", "--", "true").code == 0


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_pause_holds_as_it_was_and_can_be_made_sure(queuectl: Queuectl, queue: Queue, spoil: Spoil) -> None:
    queuectl.ok("queue", "pause", "mail", "--why", "it moves")
    put_spoilt(queue, "queue-mail", Paused(why="changed"), spoil)

    ran = queuectl.process("queue", "list", "--json")

    assert ran.json[0]["paused"]["why"] == "it moves"
    assert "Queue mail stays paused" in ran.err
    assert ran.err.count("\n") == 1
    assert queuectl.process("status", "--json").code == 0
    assert "queue-mail" in check(queuectl.process("doctor", "--json"), "settings")["found"]
    assert queuectl.process("queue", "pause", "mail").code == 0
    assert queuectl.ok("queue", "list", "--json").json[0]["paused"]["why"] is None
    assert queuectl.ok("queue", "resume", "mail").code == 0


def test_a_queue_that_was_never_paused_stays_open(queuectl: Queuectl, queue: Queue, database: Store) -> None:
    (one,) = append("queue-mail", Paused()).events
    database["events"].insert_one({**bson.decode(one.raw), "data": {"why": 7}})

    ran = queuectl.process("queue", "list", "--json")

    assert ran.json == []
    assert "Queue mail stays open" in ran.err
    assert queuectl.process("queue", "pause", "mail").code == 0
    assert queuectl.ok("queue", "list", "--json").json[0]["paused"]


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_an_audit_of_all_names_it_and_looks_at_the_others(queuectl: Queuectl, queue: Queue, spoil: Spoil) -> None:
    for job_id in ("bad", "good"):
        queuectl.ok("enqueue", "--id", job_id, "--", "true")
    put_spoilt(queue, "job-bad", claimed(), spoil)
    completed(queue, "good")

    ran = queuectl.here("audit", "verify", "--all", "--json")

    assert ran.json["verified"] == 2
    assert {one["stream"] for one in ran.json["findings"]} == {"job-bad"}
    for command in ("show", "history", "replay"):
        assert queuectl.ok(command, "good").out
        assert "Traceback" not in queuectl.here(command, "bad").err
