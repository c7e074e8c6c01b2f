"""What is sealed, by one sealer and by several, after kills between leaves and seal, and with events that come late."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from bson import Int64
from bson.timestamp import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymongo import MongoClient, monitoring

from eventqueue.api.queue import Queue
from eventqueue.audit.leaves import parse
from eventqueue.audit.merkle import Tree, leaf_hash
from eventqueue.audit.seals import CATEGORY, LEAVES, SEALS, Seal
from eventqueue.errors import Fenced, LogCorrupt, NotSealed
from eventqueue.model.events import category_of
from eventqueue.mongo import slices, timeline
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.ground import Ground, stand_on
from eventqueue.mongo.log import VISIBLE_S
from eventqueue.sealing import stored
from eventqueue.sealing.holding import hold
from eventqueue.sealing.sealer import Sealer
from tests.builders import append, said
from tests.sealing.forger import Forger

COMMAND = {"command": "true"}


def enqueue(queue: Queue, *ids: str) -> None:
    queue.enqueue_many({**COMMAND, "id": one} for one in ids)


def leaves_of(ground: Ground, seal: Seal) -> list[tuple[str, int]]:
    """The leaves that one seal has added: stream and version."""
    pieces = stored.Pieces(ground.log)
    found = {one.said.number: [parse(data) for data in pieces.of(one.said)] for one in stored.seals(ground.log)}
    return [(leaf.stream, leaf.version) for leaf in found[seal.number]]


def kept(ground: Ground) -> list[Seal]:
    return [one.seal for one in stored.seals(ground.log)]


def is_sound(ground: Ground) -> bool:
    """Whether the log is as it was sealed, and every event of it counted once."""
    seals = kept(ground)
    events = [one for one in ground.log.scan() if category_of(one.stream) != CATEGORY]
    return list(hold(ground, seals)) == [] and seals[-1].events == len(events)


def sealed(sealer: Sealer) -> Seal:
    (seal,) = sealer.seal_all()
    return seal


def test_a_seal_has_every_stream_as_it_stands(queue: Queue, ground: Ground, sealer: Sealer) -> None:
    enqueue(queue, "a", "b")
    queue.pause_queue("mail")
    queue.cancel("b")

    seal = sealed(sealer)

    assert leaves_of(ground, seal) == [("job-a", 1), ("job-b", 2), ("queue-mail", 1)]
    assert (seal.number, seal.size, seal.events) == (1, 3, 4)
    assert seal.log == ground.log_id


def test_the_next_one_has_what_has_changed_since_and_names_the_one_before(
    queue: Queue, ground: Ground, sealer: Sealer
) -> None:
    enqueue(queue, "a", "b")
    first = sealed(sealer)
    enqueue(queue, "c")
    queue.cancel("a")

    second = sealed(sealer)

    assert leaves_of(ground, second) == [("job-a", 2), ("job-c", 1)]
    assert (second.number, second.size, second.events) == (2, 4, 4)
    assert second.previous == first.hash


def test_the_root_is_that_of_the_leaves_in_the_log(queue: Queue, ground: Ground, sealer: Sealer) -> None:
    for name in ("a", "b", "c"):
        enqueue(queue, name)
        sealed(sealer)

    for made in stored.seals(ground.log):
        assert Tree().plus(map(leaf_hash, stored.leaves_until(ground.log, made))).root == made.seal.root


def test_where_nothing_has_changed_there_is_no_seal(queue: Queue, ground: Ground, sealer: Sealer) -> None:
    assert list(sealer.seal_all()) == []
    enqueue(queue, "a")
    sealed(sealer)

    assert list(sealer.seal_all()) == []
    assert list(Sealer(ground, "another").seal_all()) == []
    assert len(kept(ground)) == 1


def test_who_comes_later_goes_on_where_the_last_seal_ended(queue: Queue, ground: Ground, sealer: Sealer) -> None:
    enqueue(queue, "a", "b")
    sealed(sealer)
    queue.cancel("a")
    sealed(Sealer(ground, "second"))
    enqueue(queue, "c")

    third = sealed(Sealer(ground, "third"))

    assert leaves_of(ground, third) == [("job-c", 1)]
    assert is_sound(ground)


def test_leaves_whose_seal_never_came_are_in_none(
    queue: Queue, ground: Ground, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(queue, "a")
    sealed(sealer)
    enqueue(queue, "b")
    with monkeypatch.context() as patched:
        patched.setattr(Sealer, "_append_seal", killed)
        for _ in range(2):
            with pytest.raises(Killed):
                sealed(Sealer(ground, "killed"))
    enqueue(queue, "c")

    second = sealed(Sealer(ground, "heir"))

    assert len(ground.log.read(LEAVES)) == 4
    assert leaves_of(ground, second) == [("job-b", 1), ("job-c", 1)]
    assert is_sound(ground)


class Killed(Exception):
    """Stands for kill -9."""


def killed(*_: object) -> None:
    raise Killed


@pytest.mark.parametrize("moment", ["_append_leaves", "_append_seal"])
def test_of_two_sealers_at_the_same_time_one_wins_and_the_other_looks_again(
    queue: Queue, ground: Ground, sealer: Sealer, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    enqueue(queue, "a")
    sealed(sealer)
    enqueue(queue, "b")
    real, other = getattr(Sealer, moment), Sealer(ground, "other")

    def overtaken(self: Sealer, *args: Any) -> Any:
        if self is sealer:
            sealed(other)
        return real(self, *args)

    with monkeypatch.context() as patched:
        patched.setattr(Sealer, moment, overtaken)
        with pytest.raises(Fenced):
            sealed(sealer)

    assert list(sealer.seal_all()) == []
    enqueue(queue, "c")
    assert leaves_of(ground, sealed(sealer)) == [("job-c", 1)]
    assert [one.number for one in kept(ground)] == [1, 2, 3]
    assert is_sound(ground)


def test_seals_that_were_seen_to_be_unsigned_are_not_looked_at_again(
    queue: Queue, ground: Ground, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[int] = []
    has_field = ground.log.has_field

    def noting(stream: str, name: str, after: int = 0) -> bool:
        looked.append(after)
        return has_field(stream, name, after)

    monkeypatch.setattr(ground.log, "has_field", noting)
    for name in "abc":
        enqueue(queue, name)
        assert list(Sealer(ground, "other").seal_all())
        enqueue(queue, name * 2)
        assert list(sealer.seal_all())

    assert [after for after in looked if after] == [1, 3]  # of the one that goes on; who is new looks at all


def test_a_backlog_takes_several_seals_none_of_which_is_large(queue: Queue, ground: Ground) -> None:
    for _ in range(12):
        queue.enqueue_many(COMMAND for _ in range(1000))

    made = list(Sealer(ground, "test", most=1500).seal_all())

    assert len(made) > 1
    assert is_sound(ground)


def test_events_with_one_stamp_may_be_parted_by_a_seal(
    queue: Queue, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline, "WINDOW", 3)
    monkeypatch.setattr(slices, "SLICE", 3)
    enqueue(queue, *"abcdefgh")
    old = Timestamp(majority_time(ground.database).time - 60, 1)
    ground.database["events"].update_many({}, {"$set": {"ts": old}})

    first, *others = Sealer(ground, "test", most=3).seal_all()

    assert first.events == 3
    assert len(others) > 1
    assert list(hold(ground, [first])) == []
    assert is_sound(ground)


def test_an_event_that_comes_to_light_behind_a_later_one_is_sealed_by_the_next(
    queue: Queue, ground: Ground, sealer: Sealer
) -> None:
    enqueue(queue, "a", "b")
    first = sealed(sealer)
    late = Timestamp(first.until[0] + 1, 1)
    Forger(ground).insert("job-late", "job-a", late)

    second = sealed(sealer)

    assert leaves_of(ground, second) == [("job-late", 1)]
    assert is_sound(ground)
    assert list(hold(ground, [first])) == []


class Looks(monitoring.CommandListener):
    """From when on the log was read in order of `ts`."""

    def __init__(self) -> None:
        self.since: list[Timestamp] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        within = event.command.get("filter", {}).get("ts", {})
        if "$gte" in within:
            self.since.append(within["$gte"])

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


def test_what_was_looked_at_long_ago_is_not_looked_at_again(queue: Queue, ground: Ground, server_uri: str) -> None:
    looks = Looks()
    enqueue(queue, "a")
    with MongoClient[dict[str, Any]](server_uri, tz_aware=True, event_listeners=[looks]) as client:
        sealer = Sealer(stand_on(client[ground.database.name]), "test")
        sealed(sealer)
        now = majority_time(ground.database)
        assert sealer.step() is None

    first, *others = looks.since
    assert first == Timestamp(0, 0)
    assert others
    assert all(one.time >= now.time - VISIBLE_S - 60 for one in others)


def test_by_itself_it_seals_what_is_settled(queue: Queue, ground: Ground, sealer: Sealer) -> None:
    enqueue(queue, "a", "b")
    old = {"$set": {"ts": Timestamp(majority_time(ground.database).time - VISIBLE_S - 1, 1)}}
    ground.database["events"].update_one({"_id.stream": "job-b"}, old)

    seal = sealer.step()

    assert seal is not None
    assert leaves_of(ground, seal) == [("job-b", 1)]
    assert leaves_of(ground, sealed(sealer)) == [("job-a", 1)]
    assert is_sound(ground)


def test_a_stream_with_a_name_that_this_package_gives_none_is_not_sealed(
    queue: Queue, ground: Ground, sealer: Sealer
) -> None:
    enqueue(queue, "a")
    Forger(ground).insert("job-a\x00b", "job-a", majority_time(ground.database))

    assert leaves_of(ground, sealed(sealer)) == [("job-a", 1)]


@pytest.mark.parametrize("altered", [{"data.peaks": [bytes(32)]}, {"data.root": bytes(32)}, {"data.size": 9}])
def test_behind_a_seal_that_was_altered_none_is_made(
    queue: Queue, ground: Ground, sealer: Sealer, altered: dict[str, Any]
) -> None:
    enqueue(queue, "a")
    sealed(sealer)
    Forger(ground).scribble(SEALS, 1, **altered)
    enqueue(queue, "b")

    with pytest.raises(LogCorrupt, match="Seal 1 was altered"):
        sealed(Sealer(ground, "test"))


def test_many_leaves_of_one_seal_stand_in_several_events(queue: Queue, ground: Ground, sealer: Sealer) -> None:
    queue.enqueue_many({**COMMAND, "id": f"{number:0128}"} for number in range(1500))

    seal = sealed(sealer)

    assert len(ground.log.read(LEAVES)) > 1
    assert seal.size == 1500
    assert is_sound(ground)


# A stream is given events, or the log is sealed, or a sealer is replaced by a new one.
steps = st.lists(st.integers(0, 5) | st.sampled_from(["seal", "restart", "die"]), max_size=25)


@given(steps)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_every_event_is_sealed_once(
    client: MongoClient[dict[str, Any]], history: Sequence[int | str]
) -> None:
    name = f"test_{uuid4().hex[:16]}"
    try:
        run(stand_on(client[name]), history)
    finally:
        client.drop_database(name)


def run(ground: Ground, history: Sequence[int | str]) -> None:
    sealer = Sealer(ground, "test", most=2)
    for step in history:
        match step:
            case int():
                stream = f"config-{step}"
                last = ground.log.read_last(stream)
                now = datetime.now().astimezone() if last is None else last.at
                one = append(stream, said(step), now=now, **({} if last is None else {"head": last.head}))
                assert ground.log.append([one])[0].is_whole
            case "seal":
                list(sealer.seal_all())
            case "restart":
                sealer = Sealer(ground, "test", most=2)
            case "die":
                dying = Dying(ground, "test", most=2)
                with suppress(Killed):  # where there was something to seal
                    list(dying.seal_all())
    list(sealer.seal_all())
    assert not kept(ground) or is_sound(ground)


class Dying(Sealer):
    """A sealer that is killed before its seal is written."""

    _append_seal = killed  # type: ignore[assignment]


def test_a_log_that_is_sealed_until_a_time_to_come_says_so_and_is_sealed_after_it(
    ground: Ground, queue: Queue, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    enqueue(queue, "one")
    now = majority_time(ground.database)
    sealed(sealer)
    enqueue(queue, "two")

    monkeypatch.setattr("eventqueue.sealing.sealer.majority_time", lambda _: Timestamp(now.time - 300, 0))
    with pytest.raises(NotSealed, match=r"is sealed until .*, which is yet to come by the server's clock"):
        list(Sealer(ground, "test").seal_all())
    monkeypatch.undo()

    assert leaves_of(ground, sealed(Sealer(ground, "test"))) == [("job-two", 1)]
    assert is_sound(ground)


@pytest.mark.parametrize("place", [{"version": Int64(2**60)}, {"version": 2, "x": 1}, {"version": 2.5}])
def test_what_stands_at_no_version_keeps_no_event_of_its_stream_from_being_sealed(
    ground: Ground, queue: Queue, sealer: Sealer, place: dict[str, Any]
) -> None:
    enqueue(queue, "one")
    sealed(sealer)
    found = ground.database["events"].find_one({"_id": {"stream": "job-one", "version": 1}})
    assert found is not None
    odd = {**found, "_id": {"stream": "job-one", **place}, "ts": Timestamp(0, 0)}  # stamped as it is put in
    ground.database["events"].insert_one(odd, bypass_document_validation=True)
    list(sealer.seal_all())

    queue.cancel("one")

    assert leaves_of(ground, sealed(sealer)) == [("job-one", 2)]
    assert leaves_of(ground, kept(ground)[-1]) == [("job-one", 2)]
