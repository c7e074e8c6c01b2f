"""When a seal is made: where something has come and time has passed, or much has come; by one process of all."""

import threading
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from eventqueue.api.queue import Queue
from eventqueue.audit.seals import LEAVES
from eventqueue.errors import Fenced, LogCorrupt
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.ground import Ground
from eventqueue.mongo.leases import SEALING, Lease, Renewal
from eventqueue.sealing import stored
from eventqueue.sealing.duty import Pace, Policy, Sealing
from eventqueue.sealing.sealer import Sealer

NO_TIME = timedelta(0)
AT_ONCE = Policy(spacing=NO_TIME, share=1)
AGAIN_AND_AGAIN = replace(AT_ONCE, every=NO_TIME)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was acknowledged is settled: nobody here takes ten seconds to append."""
    monkeypatch.setattr("eventqueue.sealing.sealer.settled", lambda now: now)


@pytest.fixture
def sealing(ground: Ground, sealer: Sealer) -> Sealing:
    return Sealing(ground, sealer, "mine", AT_ONCE)


def is_due(ground: Ground, policy: Policy) -> bool:
    """Whether one who has not looked yet would seal the log."""
    return Sealing(ground, Sealer(ground, "other"), "other", policy).is_due()


def lead(ground: Ground, sealing: Sealing) -> int:
    """Have it seal what there is; return how many seals there are then."""
    lease = Lease(ground.database, SEALING, "mine")
    assert lease.acquire()
    with Renewal(lease) as renewal:
        sealing.lead(renewal, threading.Event())
    return len(list(stored.seals(ground.log)))


def test_the_first_events_are_sealed_at_once_and_the_next_after_a_minute(
    queue: Queue, ground: Ground, sealing: Sealing
) -> None:
    queue.enqueue(command="true")
    assert sealing.is_due()
    assert lead(ground, sealing) == 1

    queue.enqueue(command="true")
    assert not sealing.is_due()
    assert is_due(ground, AGAIN_AND_AGAIN)


def test_what_is_much_waits_for_less_than_a_minute(queue: Queue, ground: Ground, sealing: Sealing) -> None:
    queue.enqueue(command="true")
    lead(ground, sealing)
    queue.enqueue(command="true")
    assert not sealing.is_due()

    assert is_due(ground, replace(AT_ONCE, many=1))


def test_a_log_in_which_nothing_has_come_is_not_due(queue: Queue, ground: Ground) -> None:
    sealing = Sealing(ground, Sealer(ground, "test"), "mine", AGAIN_AND_AGAIN)
    for _ in range(3):
        queue.enqueue(command="true")
        lead(ground, sealing)

    assert not sealing.is_due()
    assert not is_due(ground, AGAIN_AND_AGAIN)


def test_leaves_that_are_no_seals_since_another_was_first_are_nothing_that_has_come(
    queue: Queue, ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.enqueue(command="true")
    late = Sealer(ground, "late")
    append = late._append_leaves

    def after_another(*args: Any) -> Any:
        assert list(Sealer(ground, "first").seal_all())
        return append(*args)

    monkeypatch.setattr(late, "_append_leaves", after_another)
    with pytest.raises(Fenced):
        late.step(majority_time(ground.database))

    assert len(ground.log.read(LEAVES)) == 2
    assert not is_due(ground, AGAIN_AND_AGAIN)


def test_where_it_was_looked_just_now_it_is_not_looked_again(queue: Queue, ground: Ground) -> None:
    policy = replace(AT_ONCE, spacing=timedelta(minutes=5))
    sealing = Sealing(ground, Sealer(ground, "test"), "mine", policy)
    lead(ground, sealing)
    queue.enqueue(command="true")

    assert is_due(ground, policy)
    assert not sealing.is_due()


def test_of_what_is_much_each_seal_has_a_part(queue: Queue, ground: Ground) -> None:
    for _ in range(12):
        queue.enqueue_many({"command": "true"} for _ in range(1000))

    assert lead(ground, Sealing(ground, Sealer(ground, "test", most=1000), "mine", AT_ONCE)) > 1


@pytest.mark.parametrize(("grown", "is_busy"), [(0, False), (10**9, True)])
def test_while_much_comes_it_pauses_for_most_of_the_time(
    monkeypatch: pytest.MonkeyPatch, grown: int, is_busy: bool
) -> None:
    there, times = iter((0, grown)), iter((100.0, 102.0))
    monkeypatch.setattr("eventqueue.sealing.duty.time", SimpleNamespace(monotonic=lambda: next(times)))

    assert Pace(lambda: next(there)).pause_s() == (2.0 * 19 if is_busy else 0.0)


def test_that_another_has_sealed_counts(queue: Queue, ground: Ground, sealing: Sealing) -> None:
    queue.enqueue(command="true")
    assert list(Sealer(ground, "other").seal_all())
    queue.enqueue(command="true")

    assert not sealing.is_due()


def test_one_of_all_who_would_seals(queue: Queue, ground: Ground) -> None:
    stop = threading.Event()
    policy = replace(AGAIN_AND_AGAIN, look_every=timedelta(milliseconds=20))
    all_ = [Sealing(ground, Sealer(ground, name), name, policy) for name in ("one", "two", "three")]
    threads = [threading.Thread(target=one.run, args=(stop,)) for one in all_]
    for one in threads:
        one.start()

    for number in range(1, 6):
        queue.enqueue(command="true")
        await_seals(ground, events=number)

    stop.set()
    for one in threads:
        one.join()
    made = list(stored.seals(ground.log))
    assert [one.said.number for one in made] == list(range(1, len(made) + 1))
    assert Lease(ground.database, SEALING, "other").holder() is None


def await_seals(ground: Ground, events: int) -> None:
    done = threading.Event()
    for _ in range(1000):
        last = stored.last(ground.log)
        if last is not None and last.said.events == events:
            return
        done.wait(0.02)
    raise AssertionError("the log was not sealed")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (LogCorrupt("Seal 1 was altered."), "Seal 1 was altered."),
        (RuntimeError("no thread"), "RuntimeError: no thread"),
    ],
)
def test_what_fails_is_said_once_and_tried_again(
    ground: Ground,
    sealer: Sealer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    words: str,
) -> None:
    sealing = Sealing(ground, sealer, "mine", Policy(look_every=timedelta(milliseconds=1)))
    stop, tries = threading.Event(), [0]

    def fail(*_: Any) -> bool:
        tries[0] += 1
        if tries[0] == 3:
            stop.set()
        raise error

    monkeypatch.setattr(sealing, "is_due", fail)
    sealing.run(stop)

    assert tries == [3]
    assert [one.message for one in caplog.records] == [f"the log is not sealed: {words}"]
