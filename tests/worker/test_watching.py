"""What a worker sends of what its jobs write: to who looks, as long as somebody does, and no more than there is."""

from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.errors import Unavailable
from eventqueue.model.progress import ByClaim
from eventqueue.model.tails import Tail, Tails
from eventqueue.mongo.watches import Watches
from eventqueue.ports.finder import Watched
from eventqueue.worker.running.reports import Ended, Written
from eventqueue.worker.watching import EVERY_S, Watching

ONE: ByClaim = ("one", 2)
NONE = Written(b"", 0)


class Runs:
    """What stands for runners: what each run has written, and how often that was asked."""

    def __init__(self) -> None:
        self.written: dict[str, Written] = {}
        self.asked = 0

    def so_far(self, key: str) -> tuple[Written, Written] | None:
        self.asked += 1
        found = self.written.get(key)
        return None if found is None else (found, NONE)


@pytest.fixture
def watches(database: Database[dict[str, Any]]) -> Watches:
    return Watches(database)


@pytest.fixture
def runs() -> Runs:
    return Runs()


def test_what_is_written_is_sent_while_somebody_looks_and_once(watches: Watches, runs: Runs) -> None:
    watching = Watching("w1", watches)
    runs.written["one/2"] = Written(b"a\n", 2)
    watches.look(ONE)
    assert watching.step(runs.so_far) == EVERY_S
    assert runs.asked == 0  # nobody has said so

    watching.hear(Watched("w1", *ONE))
    watching.step(runs.so_far)
    watching.step(runs.so_far)
    assert watches.read(ONE) == Tails(Tail(b"a\n", 2), Tail(), 1)

    runs.written["one/2"] = Written(b"a\nb\n", 4)
    watching.step(runs.so_far)
    assert watches.read(ONE, after=1) == Tails(Tail(b"a\nb\n", 4), Tail(), 2)


def test_what_another_worker_runs_is_not_asked_for(watches: Watches, runs: Runs) -> None:
    watching = Watching("w1", watches)

    watching.hear(Watched("w2", *ONE))
    watching.step(runs.so_far)

    assert runs.asked == 0


def test_once_nobody_looks_nothing_more_is_asked(
    watches: Watches, runs: Runs, database: Database[dict[str, Any]]
) -> None:
    watching = Watching("w1", watches)
    runs.written["one/2"] = Written(b"a\n", 2)
    watching.hear(Watched("w1", *ONE))  # by who was gone before it was sent: his lease is over

    watching.step(runs.so_far)
    asked = runs.asked
    watching.step(runs.so_far)

    assert runs.asked == asked
    assert database["watches"].count_documents({}) == 0


def test_who_begins_to_look_while_another_is_given_up_is_sent_to(
    watches: Watches, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching, send = Watching("w1", watches), watches.send
    runs.written["one/2"] = Written(b"a\n", 2)
    watching.hear(Watched("w1", *ONE))  # by who is gone

    def begins(written: Any) -> Any:
        found = send(written)
        watches.look(ONE)
        watching.hear(Watched("w1", *ONE))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(watches, "send", begins)
        watching.step(runs.so_far)
    watching.step(runs.so_far)

    assert watches.read(ONE) == Tails(Tail(b"a\n", 2), Tail(), 1)


def test_what_was_written_in_the_end_is_sent_and_then_nothing(
    watches: Watches, runs: Runs, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.worker.watching.STAY_S", 0.0)  # that there is nothing new would be said at once
    watching = Watching("w1", watches)
    watches.look(ONE)
    watching.hear(Watched("w1", *ONE))

    watching.told(Ended(key="one/2", exit_code=0, stdout=Written(b"the end\n", 9), stderr=NONE))
    watching.told(Ended(key="two/2", exit_code=0))
    watching.step(runs.so_far)
    sent = database["watches"].find_one({})
    watching.step(runs.so_far)

    assert watches.read(ONE) == Tails(Tail(b"the end\n", 9), Tail(), 1)
    assert database["watches"].find_one({}) == sent
    assert runs.asked == 0


def test_of_very_much_no_more_is_sent_a_second_and_each_has_its_turn(watches: Watches, runs: Runs) -> None:
    watching = Watching("w1", watches)
    many = [(f"job-{number}", 2) for number in range(32)]
    for job_id, claim in many:
        runs.written[f"{job_id}/{claim}"] = Written(b"x" * 65536, 10**6)
        watches.look((job_id, claim))
        watching.hear(Watched("w1", job_id, claim))

    assert watching.step(runs.so_far) == 1.0
    assert sum(watches.read(one) is not None for one in many) == 16
    for job_id, claim in many:  # they write on
        runs.written[f"{job_id}/{claim}"] = Written(b"y" * 65536, 2 * 10**6)
    assert watching.step(runs.so_far) == 1.0
    assert all(watches.read(one) is not None for one in many)
    assert watching.step(runs.so_far) == 1.0
    assert watching.step(runs.so_far) == EVERY_S  # nothing new


def test_a_database_that_refuses_stops_nothing_and_is_told_once(
    watches: Watches, runs: Runs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise Unavailable("no primary")

    watching = Watching("w1", watches)
    runs.written["one/2"] = Written(b"a\n", 2)
    watches.look(ONE)
    with monkeypatch.context() as patched:
        patched.setattr(watches, "send", refuse)
        watching.hear(Watched("w1", *ONE))
        watching.step(runs.so_far)
        watching.step(runs.so_far)

    watching.step(runs.so_far)

    assert caplog.text.count("is not shown while they run") == 1
    assert watches.read(ONE) == Tails(Tail(b"a\n", 2), Tail(), 1)
