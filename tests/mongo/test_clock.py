"""The estimate of the database's clock: renewed as it ages, by the quickest look, and right after whatever was set."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pymongo
import pytest
from bson.timestamp import Timestamp
from pymongo import MongoClient

from eventqueue.errors import Unavailable
from eventqueue.mongo import clock as clocks
from eventqueue.mongo.clock import DatabaseClock, majority_in
from eventqueue.system.boottime import since_boot
from tests.mongo.conftest import path_in
from tests.mongo.wire import wire_to
from tests.patience import PATIENCE_S

Client = MongoClient[dict[str, Any]]
STALL_MS = 600


@pytest.fixture(scope="module")
def stalling(faulty_uri: str) -> Iterator[Client]:
    """A client whose `hello`, and whose alone, may be made to stall."""
    with Client(faulty_uri, timeoutMS=30_000, appName="slow clock", serverMonitoringMode="poll") as client:
        client.admin.command("ping")
        yield client


@contextmanager
def stalled(client: Client, times: int) -> Iterator[None]:
    how = {"failCommands": ["hello"], "appName": "slow clock", "blockConnection": True, "blockTimeMS": STALL_MS}
    client.admin.command("configureFailPoint", "failCommand", mode={"times": times}, data=how)
    try:
        yield
    finally:
        client.admin.command("configureFailPoint", "failCommand", mode="off")


def is_right(clock: DatabaseClock) -> bool:
    """Whether the estimate is as near as it says to the clock of this machine, on which the database runs, too."""
    before, now, after = datetime.now(UTC), clock.now(), datetime.now(UTC)
    assert clock._look
    doubt = timedelta(seconds=clock._look.doubt + clocks.GRAIN_S)
    return before - doubt <= now <= after + doubt


def test_an_estimate_that_has_aged_is_renewed_as_after_a_sleep_of_this_machine(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = DatabaseClock(client)
    assert is_right(clock)

    # The time since boot goes on by eight hours, the database's clock does not: as if that had been set back meanwhile.
    monkeypatch.setattr(clocks, "since_boot", lambda: since_boot() + 8 * 3600)

    assert is_right(clock)


def test_the_time_of_a_sleep_counts(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = DatabaseClock(client)
    before = clock.now()
    monkeypatch.setattr(clocks, "RENEW_S", float("inf"))
    monkeypatch.setattr(clocks, "since_boot", lambda: since_boot() + 3600)

    assert clock.now() - before >= timedelta(hours=1)


def test_a_slow_look_is_not_believed(stalling: Client) -> None:
    clock = DatabaseClock(stalling)
    clock.renew()
    with stalled(stalling, times=1):
        clock.renew()

    assert clock._look
    assert clock._look.doubt < STALL_MS / 2000
    assert is_right(clock)


def test_a_first_look_that_is_slow_is_followed_by_another(stalling: Client) -> None:
    clock = DatabaseClock(stalling)
    with stalled(stalling, times=1):
        clock.renew()

    assert clock._look
    assert clock._look.doubt < STALL_MS / 2000
    assert is_right(clock)


def test_a_slow_look_that_proves_the_estimate_wrong_is_believed(
    stalling: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = DatabaseClock(stalling)
    clock.renew()
    assert clock._look
    ahead = clock._look.shown + timedelta(hours=1)
    monkeypatch.setattr(clock, "_look", clocks._Look(ahead, clock._look.at, clock._look.doubt))
    with stalled(stalling, times=1):
        clock.renew()

    assert is_right(clock)


def test_an_old_estimate_holds_while_the_database_does_not_answer(
    server_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with wire_to(path_in(server_uri)) as wire, Client(wire.uri, timeoutMS=300, serverMonitoringMode="poll") as client:
        clock = DatabaseClock(client)
        with pymongo.timeout(PATIENCE_S):
            clock.now()
        monkeypatch.setattr(clocks, "RENEW_S", 0.0)
        wire.take_down()

        assert is_right(clock)
        with pytest.raises(Unavailable):
            DatabaseClock(client).now()


def test_threads_that_ask_at_once_look_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = DatabaseClock(client)
    looks = 0
    begun = threading.Barrier(8)

    def ask() -> tuple[dict[str, Any], clocks._Look]:
        nonlocal looks
        looks += 1
        return DatabaseClock._ask(clock)

    def now() -> None:
        begun.wait()
        clock.now()

    monkeypatch.setattr(clock, "_ask", ask)
    threads = [threading.Thread(target=now) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert looks == 1


@pytest.mark.parametrize("hello", [{"lastWrite": {"opTime": {"ts": Timestamp(7, 1)}}}, {"lastWrite": {}}, {}], ids=repr)
def test_a_set_that_has_agreed_on_nothing_yet_is_to_be_asked_again(hello: dict[str, Any]) -> None:
    # A member that has just started answers so until it knows of a commit.
    with pytest.raises(Unavailable, match="try again"):
        majority_in(hello)


def test_what_a_majority_has_is_told_by_a_set_and_by_a_sharded_cluster() -> None:
    assert majority_in({"lastWrite": {"majorityOpTime": {"ts": Timestamp(7, 1), "t": 1}}}) == Timestamp(7, 1)
    assert majority_in({"msg": "isdbgrid", "operationTime": Timestamp(7, 2)}) == Timestamp(7, 2)
