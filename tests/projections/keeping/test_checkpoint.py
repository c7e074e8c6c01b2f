"""The checkpoint and its fence: moved by one process, and taken over from a dead one at once."""

import subprocess
import sys

import pytest
from bson.timestamp import Timestamp
from msgspec.structs import replace
from pymongo.read_concern import ReadConcern

from eventqueue.errors import Fenced
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.ground import Ground
from projections.keeping import checkpoint
from projections.keeping.checkpoint import Checkpoint, token_time
from projections.keeping.tail import Tail, token_now
from tests.builders import enqueued
from tests.projections.exact import assert_exact
from tests.projections.stage import apply_all, checkpoint_of, finish, live_of, put, taking_place


def test_taking_over_increments_the_fence_and_nothing_else(built: Ground) -> None:
    before = checkpoint_of(built)

    held = taking_place(built).held

    assert held.fence == before.fence + 1
    assert (held.token, held.applied, held.last, held.projections) == (
        before.token,
        before.applied,
        before.last,
        before.projections,
    )


def test_the_place_of_views_that_are_gone_cannot_be_taken(built: Ground) -> None:
    gone = live_of(built).number + 1

    with built.database.client.start_session() as session, pytest.raises(Fenced, match="is gone"):
        checkpoint.take_over(built.database, gone, session)


def test_who_lost_the_place_cannot_move_the_checkpoint(built: Ground) -> None:
    zombie, heir = taking_place(built), taking_place(built)
    token = token_now(built.database)

    with pytest.raises(Fenced):
        zombie.save(token, built.clock.now())
    heir.save(token, built.clock.now())

    assert checkpoint_of(built).token == token


def test_a_checkpoint_that_moved_cannot_be_moved_from_where_it_was(built: Ground) -> None:
    applier = taking_place(built)
    before = applier.held
    put(built, "job-one", enqueued())
    apply_all(built, applier)

    applier.held = before
    with pytest.raises(Fenced):
        applier.save(token_now(built.database), built.clock.now())


def test_a_number_is_given_to_one_generation_only(built: Ground) -> None:
    start = Checkpoint(generation=7, log="log", projections={}, fence=0, session=b"", token={"_data": "82"})
    checkpoint.create(built.database, start)

    with pytest.raises(Fenced, match="being built already"):
        checkpoint.create(built.database, start)


def test_a_transaction_that_its_dead_holder_left_open_does_not_hold_up_the_heir(built: Ground) -> None:
    # Left to itself the server would end it after a minute and more, twice what this client waits.
    put(built, "job-one", enqueued())
    dead = taking_place(built)
    session = dead._session
    session.start_transaction(ReadConcern("snapshot"))
    checkpoint.advance(
        built.database,
        dead.held,
        {"_data": "82somewhere"},
        applied=1,
        last=None,
        now=built.clock.now(),
        session=session,
    )

    finish(built)

    assert_exact(built)


def test_taking_over_ends_no_session_but_those_of_projectors(ground: Ground) -> None:
    # To the server an empty list of sessions means all there are.
    others = ground.database["others"]
    client = ground.database.client
    with client.start_session() as mine, client.start_session() as session, session.start_transaction():
        others.insert_one({"_id": 1}, session=session)
        with pytest.raises(Fenced):
            checkpoint.take_over(ground.database, 1, mine)
        others.insert_one({"_id": 2}, session=session)

    assert others.count_documents({}) == 2


def test_taking_over_one_generation_leaves_whoever_builds_another_alone(built: Ground) -> None:
    database, client = built.database, built.database.client
    held = checkpoint.read(database, live_of(built).number)
    assert held is not None
    with client.start_session() as mine, client.start_session() as builder:
        checkpoint.create(database, replace(held, generation=held.generation + 1, session=checkpoint.id_of(builder)))
        with builder.start_transaction():
            database["others"].insert_one({"_id": 1}, session=builder)
            checkpoint.take_over(database, held.generation, mine)
            database["others"].insert_one({"_id": 2}, session=builder)

    assert database["others"].count_documents({}) == 2


SLEEPER = """
import sys
from eventqueue.connect import connect
from projections.keeping import checkpoint
from projections.registry import PROJECTIONS

connection = connect(sys.argv[1], sys.argv[2], "test")
database = connection.ground.database
with connection.client.start_session() as session, session.start_transaction():
    held = checkpoint.take_over(database, int(sys.argv[3]), session)
    database["checkpoints"].update_one({"_id": held.generation}, {"$set": {"applied": 99}}, session=session)
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_process_killed_inside_a_transaction_is_succeeded_at_once(built: Ground, server_uri: str) -> None:
    place = [server_uri, built.database.name, str(live_of(built).number)]
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER, *place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        process.kill()

    put(built, "job-one", enqueued())
    finish(built)

    assert_exact(built)


@pytest.mark.parametrize(
    ("data", "time"),
    [
        # Of an event, and of a high-water mark, as MongoDB 6.0 gives them.
        ("8265A0B1C2000000032B0429296E1404", Timestamp(0x65A0B1C2, 3)),
        ("82FFFFFFFF0000000F2B0229296E04", Timestamp(0xFFFFFFFF, 15)),
    ],
)
def test_the_time_in_a_token_is_read(data: str, time: Timestamp) -> None:
    assert token_time({"_data": data}) == time


def test_the_time_of_an_events_token_is_when_it_was_inserted(built: Ground) -> None:
    token = checkpoint_of(built).token
    put(built, "job-one", enqueued())

    with Tail(built.database, token) as tail:
        (change,) = tail.read()

    (event,) = built.log.read("job-one")
    assert event.ts is not None
    assert event.ts <= token_time(change.token) <= majority_time(built.database)


def test_a_token_passes_what_is_not_an_event(built: Ground) -> None:
    built.database["others"].insert_one({})
    until = majority_time(built.database)

    with Tail(built.database, checkpoint_of(built).token, await_ms=1) as tail:
        while tail.time < until:
            assert tail.read() == []
