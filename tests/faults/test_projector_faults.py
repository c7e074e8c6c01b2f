"""The projector killed, frozen, cut off and fought over: whoever comes next ends exactly at the fold of the log."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace
from pymongo import MongoClient

from eventqueue.connect import open_client
from eventqueue.errors import Fenced, HistoryLost, QueueError, Unavailable
from eventqueue.mongo.ground import Ground, stand_on
from eventqueue.mongo.leases import BUILDING
from eventqueue.mongo.log import MongoLog
from projections.keeping import applier, checkpoint, rebuild
from projections.keeping.checkpoint import Token
from projections.keeping.generation import Generation
from projections.keeping.replay import replay
from projections.keeping.tail import Tail, token_now
from projections.reading.reader import ViewReader
from projections.registry import PROJECTIONS
from tests.builders import enqueued
from tests.mongo.servers import running
from tests.projections.crowd import Crowd
from tests.projections.exact import assert_exact, shown
from tests.projections.processes import LIST, ROOT, projector_process, run
from tests.projections.stage import (
    await_that,
    build,
    checkpoint_of,
    end_lease,
    finish,
    is_fresh,
    live_of,
    projecting,
    put,
    take_lease_away,
    taking_place,
    unread,
)
from tests.server.servers import clear_away, kill, started

pytestmark = pytest.mark.faults

KILLS = 20  # a suite that takes two minutes of a quiet machine takes more than five of a busy one
# What a projector sends, beside what it reads the log with.
COMMANDS = ["find", "insert", "update", "findAndModify", "distinct", "killSessions", "commitTransaction"]
IN_DOUBT = {"code": 64, "errmsg": "waiting for replication timed out", "errInfo": {"wtimeout": True}}
Client = MongoClient[dict[str, Any]]


@pytest.fixture(scope="module")
def faulty_uri() -> Iterator[str]:
    """A server that takes orders to fail."""
    with running("--setParameter", "enableTestCommands=1") as uri:
        yield uri


@pytest.fixture
def ground(faulty_uri: str) -> Iterator[Ground]:
    """A database on it with views of an empty log, reached by a client that is spared: the orders are by name."""
    with Client(faulty_uri, timeoutMS=60_000, appName="test") as client:
        ground = stand_on(client[f"test_{uuid4().hex[:16]}"])
        build(ground)
        yield ground
        client.drop_database(ground.database)


@contextmanager
def order(ground: Ground, mode: Any, commands: Sequence[str] = COMMANDS, **how: Any) -> Iterator[Callable[[], object]]:
    """Have what clients named `eventqueue` send go wrong as ordered, for as long as the block lasts.

    Yields what waits until a command has been met by it. The block's end waits for those that are held up.
    """
    admin = ground.database.client.admin
    data = {"failCommands": list(commands), "appName": "eventqueue", **how}
    met = admin.command("configureFailPoint", "failCommand", mode=mode, data=data)["count"]
    try:
        yield lambda: admin.command("waitForFailPoint", "failCommand", timesEntered=met + 1, maxTimeMS=60_000)
    finally:
        admin.command("configureFailPoint", "failCommand", mode="off")


def renamed(ground: Ground, client: Client) -> Ground:
    """The same ground as another client reaches it."""
    return replace(ground, database=client[ground.database.name], log=MongoLog(client[ground.database.name]))


# Kills


def test_killed_at_random_moments_under_load_it_loses_and_doubles_nothing(ground: Ground, faulty_uri: str) -> None:
    chance, crowd = Random(1), Crowd(ground)

    for _ in range(KILLS):
        crowd.act(8, size=60)
        held = checkpoint_of(ground)
        more = held.applied + chance.randint(1, 1000)
        with projector_process(faulty_uri, ground.database.name) as projector:
            # At load only once it is at work: what is written while it starts, slowly where much else is done, is read
            # again by all who come behind it.
            await_that(lambda held=held: checkpoint_of(ground).fence > held.fence)  # type: ignore[misc]
            with crowd.acting(size=60):
                await_that(lambda more=more: checkpoint_of(ground).applied >= more or is_fresh(ground))  # type: ignore[misc]
                projector.kill()
        end_lease(ground)

    finish(ground)
    assert_exact(ground)


@pytest.mark.parametrize("count", range(12))
def test_killed_while_any_command_of_a_batch_is_on_its_way_it_is_succeeded_at_once(
    ground: Ground, faulty_uri: str, count: int
) -> None:
    crowd = Crowd(ground)
    with projector_process(faulty_uri, ground.database.name) as projector:
        await_that(lambda: checkpoint_of(ground).fence)
        with order(ground, {"skip": count}, blockConnection=True, blockTimeMS=1500) as met:
            crowd.act(3)
            met()
            projector.kill()
            end_lease(ground)
            finish(ground)
            assert_exact(ground)
        # What was held up has been carried out by now, by a server that knows nothing of its sender's death.
        assert_exact(ground)

    crowd.act(3)
    finish(ground)
    assert_exact(ground)


@pytest.mark.parametrize("count", range(0, 24, 3))
def test_killed_while_it_takes_the_place_it_is_succeeded_at_once(ground: Ground, faulty_uri: str, count: int) -> None:
    Crowd(ground).act(3)

    with order(ground, {"skip": count}, blockConnection=True, blockTimeMS=1000) as met:
        with projector_process(faulty_uri, ground.database.name) as projector:
            met()
            projector.kill()
        end_lease(ground)
        finish(ground)

    finish(ground)
    assert_exact(ground)


def checkpoint_numbers(ground: Ground) -> set[int]:
    return {one["_id"] for one in ground.database["checkpoints"].find()}


def test_killed_while_it_builds_the_views_it_is_succeeded_by_one_that_builds_them(
    ground: Ground, faulty_uri: str
) -> None:
    chance = Random(2)
    Crowd(ground).act(40, size=200)
    ground.database["views"].delete_many({})

    for _ in range(5):
        more = chance.randint(1, 1500)
        known = checkpoint_numbers(ground)
        with projector_process(faulty_uri, ground.database.name) as projector:
            await_that(lambda known=known: checkpoint_numbers(ground) - known)  # type: ignore[misc]
            (number,) = checkpoint_numbers(ground) - known
            jobs = Generation(ground.database, number).jobs
            await_that(lambda jobs=jobs, more=more: jobs.estimated_document_count() >= more)  # type: ignore[misc]
            projector.kill()
        ground.database["views"].delete_many({})  # it may have been quicker
        end_lease(ground)
        take_lease_away(ground, BUILDING)

    build(ground)
    assert_exact(ground)


@pytest.mark.parametrize("command", ["a projector", "projections rebuild"])
def test_one_that_is_told_to_stop_while_it_builds_leaves_nothing_behind(
    ground: Ground, faulty_uri: str, command: str
) -> None:
    Crowd(ground).act(40, size=200)
    finish(ground)
    # As views of an older eventqueue, so that a projector builds them anew.
    ground.database["checkpoints"].update_one({}, {"$set": {"projections.stats": 1}})
    before, held, names = shown(ground), checkpoint_of(ground), set(ground.database.list_collection_names())
    words = ["projector", "start"] if command == "a projector" else ["projections", "rebuild"]
    place = ["--uri", faulty_uri, "--db", ground.database.name, "--quiet"]

    with subprocess.Popen([sys.executable, "-m", "eventqueue", *place, *words], cwd=ROOT) as builder:
        await_that(Generation(ground.database, 2).jobs.estimated_document_count)
        builder.terminate()

    assert builder.returncode == (0 if command == "a projector" else 143)
    assert set(ground.database.list_collection_names()) - {"leases"} == names - {"leases"}
    assert (shown(ground), checkpoint_of(ground)) == (before, held)
    assert build(ground).number == 2
    assert_exact(ground)


def test_a_reader_killed_while_it_catches_up_is_succeeded_by_another(ground: Ground, faulty_uri: str) -> None:
    chance, crowd = Random(3), Crowd(ground)

    for _ in range(4):
        crowd.act(15, size=200)
        more = checkpoint_of(ground).applied + chance.randint(1, 2500)
        command = [sys.executable, "-c", LIST, faulty_uri, ground.database.name]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as reader:
            await_that(lambda more=more: checkpoint_of(ground).applied >= more)  # type: ignore[misc]
            reader.kill()
        end_lease(ground)

    assert set(run(LIST, faulty_uri, ground.database.name).split()) == set(crowd.jobs)
    assert_exact(ground)


# Zombies


def test_one_that_was_frozen_in_the_middle_of_its_work_does_no_harm_when_it_goes_on(
    ground: Ground, faulty_uri: str
) -> None:
    chance, crowd = Random(4), Crowd(ground)

    with projector_process(faulty_uri, ground.database.name) as zombie:
        for _ in range(5):
            more = checkpoint_of(ground).applied + chance.randint(1, 1500)
            crowd.act(10, size=200)
            await_that(lambda more=more: checkpoint_of(ground).applied >= more)  # type: ignore[misc]
            zombie.freeze()
            finish(ground)
            assert_exact(ground)
            crowd.act(5)
            finish(ground)
            zombie.thaw()
            crowd.act(5)
            await_that(lambda: is_fresh(ground))
            assert_exact(ground)


def test_a_place_that_is_taken_again_and_again_from_one_at_work_loses_and_doubles_nothing(
    ground: Ground, faulty_uri: str
) -> None:
    crowd = Crowd(ground)

    with projector_process(faulty_uri, ground.database.name):
        await_that(lambda: checkpoint_of(ground).fence)
        for _ in range(40):
            crowd.act(1, size=100)
            robber = taking_place(ground)
            with suppress(Fenced):
                events, token = unread(ground, robber.held.token)
                robber.apply(events, token, ground.clock.now())
        await_that(lambda: is_fresh(ground))

    assert_exact(ground)


@pytest.mark.parametrize("command", ["update", "insert", "commitTransaction"])
def test_one_in_the_middle_of_a_batch_when_the_place_is_taken_finds_itself_fenced(
    ground: Ground, faulty_uri: str, command: str
) -> None:
    Crowd(ground).act(3)

    with Client(faulty_uri, timeoutMS=30_000, appName="eventqueue") as client:
        place = taking_place(renamed(ground, client))
        events, token = unread(ground, place.held.token)
        outcome: list[object] = []

        def apply() -> None:
            try:
                outcome.append(place.apply(events, token, ground.clock.now()))
            except QueueError as error:
                outcome.append(type(error))

        slow = threading.Thread(target=apply)
        with order(ground, {"times": 1}, [command], blockConnection=True, blockTimeMS=1000) as met:
            slow.start()
            met()
            heir = taking_place(ground)
        slow.join()

    assert outcome == [Fenced]
    assert heir.held == checkpoint_of(ground)
    finish(ground)
    assert_exact(ground)


# A database that fails


@pytest.mark.parametrize("count", range(16))
def test_whatever_command_fails_what_was_not_applied_is_left_to_the_next(
    ground: Ground, faulty_uri: str, count: int
) -> None:
    crowd = Crowd(ground)
    crowd.act(3)
    finish(ground)
    crowd.act(3)

    with Client(faulty_uri, timeoutMS=5_000, appName="eventqueue") as client:
        elsewhere, everything = renamed(ground, client), [*COMMANDS, "aggregate", "getMore"]
        with order(ground, {"skip": count}, everything, errorCode=2), suppress(QueueError):
            finish(elsewhere)

    finish(ground)
    assert_exact(ground)


@pytest.mark.parametrize(
    ("commands", "how"),
    [
        (["commitTransaction"], {"writeConcernError": IN_DOUBT}),
        (["commitTransaction"], {"errorCode": 262, "errorLabels": ["UnknownTransactionCommitResult"]}),
        (["commitTransaction"], {"closeConnection": True}),
        (["commitTransaction"], {"errorCode": 251, "errorLabels": ["TransientTransactionError"]}),
        (["update"], {"errorCode": 112, "errorLabels": ["TransientTransactionError"]}),
        (["insert"], {"errorCode": 112, "errorLabels": ["TransientTransactionError"]}),
        (["insert"], {"closeConnection": True}),
        (["find"], {"closeConnection": True}),
    ],
    ids=lambda value: "-".join(map(str, value)),
)
def test_what_passes_is_tried_again_and_applied_once(
    ground: Ground, faulty_uri: str, commands: list[str], how: Mapping[str, Any]
) -> None:
    crowd = Crowd(ground)
    crowd.act(3)

    with Client(faulty_uri, timeoutMS=30_000, appName="eventqueue") as client:
        place = taking_place(renamed(ground, client))
        events, token = unread(ground, place.held.token)
        with order(ground, {"times": 2}, commands, **how) as met:
            place.apply(events, token, ground.clock.now())
            met()

    assert place.held == checkpoint_of(ground)
    assert_exact(ground)


def test_a_commit_of_which_nothing_is_heard_is_no_commit_and_no_failure(
    ground: Ground, faulty_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applier, "TRANSACTION_S", 1.0)
    crowd = Crowd(ground)
    crowd.act(3)

    with Client(faulty_uri, timeoutMS=30_000, appName="eventqueue") as client:
        place = taking_place(renamed(ground, client))
        events, token = unread(ground, place.held.token)
        doubting = order(ground, "alwaysOn", ["commitTransaction"], writeConcernError=IN_DOUBT)
        with doubting, pytest.raises(Unavailable):
            place.apply(events, token, ground.clock.now())

    finish(ground)
    assert_exact(ground)


def test_views_whose_switch_was_made_unheard_are_not_dropped(
    ground: Ground, faulty_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "TRANSACTION_S", 1.0)
    Crowd(ground).act(3)

    with Client(faulty_uri, timeoutMS=30_000, appName="eventqueue") as client:
        doubting = order(ground, "alwaysOn", ["commitTransaction"], writeConcernError=IN_DOUBT)
        with doubting, pytest.raises(Unavailable):
            build(renamed(ground, client))

    assert live_of(ground).number == 2
    finish(ground)
    assert_exact(ground)


def test_a_server_that_crashes_and_comes_back_is_outlasted(tmp_path: Path) -> None:
    home = tmp_path / "home"
    try:
        with open_client(started(home).uri) as client:
            ground = stand_on(client["test"])
            crowd = Crowd(ground)
            with projecting(ground) as running_:
                for _ in range(3):
                    crowd.act(10, size=100)
                    kill(home)
                    started(home)
                    crowd.act(3)
                    await_that(lambda: running_.has_ended or is_fresh(ground))
                    assert running_.error is None
                    assert_exact(ground)
    finally:
        clear_away(home)


@pytest.fixture(scope="module")
def forgetful_uri() -> Iterator[str]:
    """A server whose oplog is overrun by a few megabytes of writes."""
    with running("--oplogSize", "1", "--syncdelay", "1") as uri:
        yield uri


def test_where_others_wrote_so_much_that_the_oplog_cannot_be_followed_in_time_the_log_itself_is_read(
    faulty_uri: str,
) -> None:
    with open_client(faulty_uri) as client:
        ground = stand_on(client[f"test_{uuid4().hex[:16]}"])
        build(ground)
        Crowd(ground).act(3)
        order = {"failCommands": ["getMore"], "appName": "hasty", "blockConnection": True, "blockTimeMS": 5000}
        with Client(faulty_uri, timeoutMS=2000, tz_aware=True, appname="hasty") as hasty:
            far = stand_on(hasty[ground.database.name])
            client.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=order)

            with projecting(far):
                await_that(lambda: is_fresh(ground))

        assert live_of(ground).number == 1
        assert_exact(ground)


def test_who_has_read_something_already_is_not_far_behind(faulty_uri: str) -> None:
    order = {"failCommands": ["getMore"], "appName": "hasty", "blockConnection": True, "blockTimeMS": 6000}
    with open_client(faulty_uri) as client, Client(faulty_uri, timeoutMS=2000, appname="hasty") as hasty:
        database = hasty[stand_on(client[f"test_{uuid4().hex[:16]}"]).database.name]
        token = token_now(database)
        for began in (token, None):
            with Tail(database, began, await_ms=1) as tail:
                if began is None:
                    tail.read()
                client.admin.command("configureFailPoint", "failCommand", mode={"times": 1}, data=order)
                with pytest.raises(Unavailable if began is None else HistoryLost):
                    tail.read()


@pytest.mark.parametrize("heir", ["a projector", "a reader"])
def test_where_the_oplog_was_overrun_the_log_itself_is_read_again(forgetful_uri: str, heir: str) -> None:
    with open_client(forgetful_uri) as client:
        ground = stand_on(client[f"test_{uuid4().hex[:16]}"])
        build(ground)
        crowd = Crowd(ground)
        crowd.act(3)
        await_that(lambda: is_overrun(ground, checkpoint_of(ground).token))

        reader = ViewReader(ground, PROJECTIONS, "reader")
        assert reader.lag().seconds is None
        if heir == "a projector":
            with projecting(ground):
                await_that(lambda: is_fresh_now(ground))
        else:
            assert reader.refresh().is_fresh

        assert live_of(ground).number == 1  # nothing was built anew
        assert_exact(ground)


def is_fresh_now(ground: Ground) -> bool:
    with suppress(HistoryLost):
        return is_fresh(ground)
    return False


def test_views_are_built_though_the_oplog_was_overrun_meanwhile(
    forgetful_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def long_replay(ground: Ground, new: Generation, *more: Any) -> int:
        applied = replay(ground, new, *more)
        put(ground, "job-meanwhile", enqueued())
        began = checkpoint.read(ground.database, new.number)
        assert began
        await_that(lambda: is_overrun(ground, began.token))
        return applied

    with open_client(forgetful_uri) as client:
        ground = stand_on(client[f"test_{uuid4().hex[:16]}"])
        build(ground)
        Crowd(ground).act(3)
        monkeypatch.setattr("projections.keeping.rebuild.replay", long_replay)

        build(ground)

        assert "meanwhile" in shown(ground).jobs
        assert_exact(ground)


def is_overrun(ground: Ground, token: Token) -> bool:
    """Write another megabyte, and tell whether the oplog still reaches back to a token."""
    ground.database["others"].insert_many([{"filling": "x" * 100_000} for _ in range(10)])
    try:
        unread(ground, token)
    except HistoryLost:
        return True
    return False
