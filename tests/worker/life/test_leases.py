"""A worker judges its lease by what the database acknowledged, and never thinks that it lasts longer than others do."""

import threading
import time
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from eventqueue.errors import Unavailable
from eventqueue.mongo.clock import DatabaseClock
from eventqueue.system.boottime import since_boot
from eventqueue.worker.life.heartbeat import Beat, Buried, Heartbeat
from eventqueue.worker.life.place import incarnation_here
from eventqueue.worker.life.tenure import Tenure
from tests.worker.stage import LEASE, Stage, wait_until


def test_a_new_lease_is_not_good_until_it_was_renewed() -> None:
    lease = Tenure(LEASE)
    assert not lease.is_good

    lease.renewed(since_boot())
    assert lease.is_good


def test_a_lease_counts_from_the_sending_of_its_renewal_and_ends_a_margin_early() -> None:
    lease = Tenure(LEASE)
    sent = since_boot() - 20.0

    left = lease.renewed(sent)

    assert left <= 30.0 - 5.0 - 20.0
    lease.renewed(since_boot() - 25.0)
    assert not lease.is_good


def test_the_lease_in_the_database_outlasts_the_one_that_the_worker_measures(stage: Stage) -> None:
    clock = stage.connection.ground.clock
    worker = stage.worker()

    clock.renew()
    (lease,) = stage.connection.incarnations.live()
    ends_at = lease.renewed_at + LEASE

    assert clock.now() + timedelta(seconds=worker.tenure.left_s) < ends_at


# Heartbeats


class Heard:
    """A heartbeat, and what it has told."""

    def __init__(self, stage: Stage, name: str = "one", queues: tuple[str, ...] = ()) -> None:
        connection = stage.connection
        self.me = incarnation_here(f"{name}:1", name, queues, 1)
        connection.incarnations.register(self.me)
        self.told: list[Beat | Buried] = []
        self.extended: list[float] = []
        self.tenure = Tenure(LEASE)
        self.clock = JumpingClock(connection.client)
        self.round_at = float("inf")  # an engine that works
        self.heartbeat = Heartbeat(
            self.me,
            connection.incarnations,
            self.clock,
            self.tenure,
            tell=self.told.append,
            extend=self.extended.append,
            last_round=lambda: self.round_at,
        )


class JumpingClock(DatabaseClock):
    """The database's clock, which a test may put on: as after a sleep of the machine that asks."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.ahead


def test_a_beat_extends_the_launchers_deadline_to_the_end_of_the_lease(stage: Stage) -> None:
    one = Heard(stage)

    assert one.heartbeat.beat_once()

    (left,) = one.extended
    assert 0 < left <= 25.0
    assert one.tenure.is_good


def test_a_lease_is_not_renewed_while_the_engine_hangs_and_is_again_once_it_goes_on(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    one = Heard(stage)
    one.heartbeat.beat_once()
    before, extended = stage.connection.incarnations.get([one.me.id]), list(one.extended)

    one.round_at = time.monotonic() - LEASE.total_seconds()
    assert [one.heartbeat.beat_once() for _ in range(3)] == [True] * 3

    assert stage.connection.incarnations.get([one.me.id]) == before
    assert one.extended == extended
    assert caplog.text.count("has hung for 30 s") == 1

    one.round_at = time.monotonic()
    one.heartbeat.beat_once()

    assert len(one.extended) == len(extended) + 1
    assert stage.connection.incarnations.get([one.me.id]) != before


def test_a_lease_ends_while_the_machine_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    lease = Tenure(LEASE)
    lease.renewed(since_boot())
    assert lease.is_good

    monkeypatch.setattr("eventqueue.worker.life.tenure.since_boot", lambda: since_boot() + 3600)

    assert not lease.is_good


def test_a_beat_tells_who_else_serves_the_same_queues_and_which(stage: Stage) -> None:
    both, all_, other = (
        Heard(stage, "both", queues=("a", "b")),
        Heard(stage, "all"),
        Heard(stage, "other", queues=("c",)),
    )
    one = Heard(stage, "one", queues=("a",))

    for heard in (one, all_):
        heard.heartbeat.beat_once()

    shared = {one.me.id: ("a",), both.me.id: ("a", "b"), all_.me.id: ()}
    assert one.told == [Beat(shared)]
    assert all_.told == [Beat({**shared, other.me.id: ("c",)})]


def test_the_dead_and_the_silent_are_not_among_the_live(stage: Stage) -> None:
    silent, buried = stage.incarnation("silent"), stage.incarnation("buried")
    stage.end_lease(silent)
    stage.connection.incarnations.bury(buried, "somebody", seen_dead=True)
    one = Heard(stage)

    one.heartbeat.beat_once()

    assert one.told == [Beat({one.me.id: ()})]


def test_the_many_tasks_that_workers_know_are_read_where_they_are_asked_for_alone(stage: Stage) -> None:
    me = replace(incarnation_here("one:1", "one", (), 1), tasks=("shop.ship", "shop.pack"))
    incarnations = stage.connection.incarnations
    incarnations.register(me)

    assert [one.worker.tasks for one in incarnations.live()] == [()]
    assert incarnations.get([me.id])[me.id].worker.tasks == ()
    assert [one.worker.tasks for one in incarnations.live(with_tasks=True)] == [me.tasks]


def test_a_buried_worker_learns_it_at_its_next_beat_and_its_deadline_is_not_extended(stage: Stage) -> None:
    one = Heard(stage)
    stage.connection.incarnations.bury(one.me.id, "somebody", seen_dead=True)

    one.heartbeat.run(threading.Event())  # returns by itself

    assert one.told == [Buried()]
    assert one.extended == []
    assert not one.tenure.is_good


def test_a_worker_that_was_forgotten_counts_as_buried(stage: Stage) -> None:
    one = Heard(stage)
    stage.connection.incarnations.retire(one.me.id)

    assert not one.heartbeat.beat_once()


def test_the_database_has_answered_only_once_it_did_for_so_long(stage: Stage) -> None:
    one = Heard(stage)
    assert not one.heartbeat.has_answered_for(0.0)

    one.heartbeat.beat_once()

    assert one.heartbeat.has_answered_for(0.0)
    assert not one.heartbeat.has_answered_for(30.0)


class Pauses(threading.Event):
    """Is set after so many pauses, none of which is made."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.made: list[float | None] = []
        self._count = count

    def wait(self, timeout: float | None = None) -> bool:
        self.made.append(timeout)
        return len(self.made) >= self._count


def test_the_first_beats_follow_each_other_sooner_so_that_those_who_start_together_see_each_other(stage: Stage) -> None:
    one, stop = Heard(stage), Pauses(8)

    one.heartbeat.run(stop)

    assert stop.made == [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_a_beat_that_fails_is_made_again_and_answers_count_from_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, stop = Heard(stage), threading.Event()
    one.heartbeat.beat_once()
    failed_at: list[float] = []

    def fail(*_: object) -> None:
        failed_at.append(time.monotonic())
        raise Unavailable("away")

    monkeypatch.setattr("eventqueue.worker.life.heartbeat.RETRY_S", 0.01)
    thread = threading.Thread(target=one.heartbeat.run, args=(stop,))
    with monkeypatch.context() as outage:
        outage.setattr("eventqueue.mongo.incarnations.Incarnations.renew", fail)
        thread.start()
        wait_until(lambda: len(failed_at) >= 3)
    wait_until(lambda: len(one.told) >= 2)
    stop.set()
    thread.join()

    since = one.heartbeat._answering_since
    assert since is not None
    assert since > failed_at[-1]


def test_a_gap_of_a_lease_between_two_beats_makes_the_silence_of_others_no_proof(stage: Stage) -> None:
    one = Heard(stage)
    one.heartbeat.beat_once()
    one.heartbeat._answering_since = time.monotonic() - 1000.0  # as if it had beaten for so long
    one.clock.ahead = timedelta(seconds=5)
    one.heartbeat.beat_once()
    assert one.heartbeat.has_answered_for(1000.0)

    one.clock.ahead += LEASE + timedelta(seconds=1)
    one.heartbeat.beat_once()

    assert not one.heartbeat.has_answered_for(1000.0)
