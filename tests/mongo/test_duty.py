"""A duty that only one may do: who leads, who stands by, and what happens when something stops that."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.errors import DatabaseFailed, Fenced, LogUnavailable, QueueError
from eventqueue.mongo.duty import STANDBY, YIELD, LeasedLoop
from eventqueue.mongo.leases import Holder, Lease, Renewal

AT_ONCE = timedelta(0)
ROLE = "sealer"


class Noted:
    """A duty that notes what it is asked, and does what the test says."""

    def __init__(self) -> None:
        self.led = 0
        self.is_ours = True
        self.does: Callable[[Renewal, threading.Event], None] = lambda *_: None

    def prepare(self, stop: threading.Event) -> bool:
        return self.is_ours

    def lead(self, renewal: Renewal, stop: threading.Event) -> None:
        self.led += 1
        self.does(renewal, stop)


@pytest.fixture
def duty() -> Noted:
    return Noted()


@pytest.fixture
def mine(prepared: Database[dict[str, Any]]) -> Lease:
    return Lease(prepared, ROLE, "mine")


@pytest.fixture
def other(prepared: Database[dict[str, Any]]) -> Lease:
    return Lease(prepared, ROLE, "other")


def failing(error: QueueError) -> Callable[[Renewal, threading.Event], None]:
    def fail(*_: object) -> None:
        raise error

    return fail


def test_who_gets_the_lease_leads(duty: Noted, mine: Lease, other: Lease) -> None:
    assert LeasedLoop(mine, duty).step(threading.Event()) == AT_ONCE

    assert duty.led == 1
    assert other.holder() == Holder("mine", is_live=True)


def test_while_another_holds_it_one_stands_by_and_then_leads(duty: Noted, mine: Lease, other: Lease) -> None:
    loop = LeasedLoop(mine, duty)
    other.acquire()
    assert loop.step(threading.Event()) == STANDBY
    assert duty.led == 0

    other.release()

    assert loop.step(threading.Event()) == AT_ONCE
    assert duty.led == 1


def test_who_may_not_lead_takes_no_lease(duty: Noted, mine: Lease) -> None:
    duty.is_ours = False

    assert LeasedLoop(mine, duty).step(threading.Event()) == STANDBY

    assert (duty.led, mine.holder()) == (0, None)


def test_leases_of_different_roles_are_held_side_by_side(duty: Noted, mine: Lease, prepared: Database[Any]) -> None:
    Lease(prepared, "ticker", "other").acquire()

    assert LeasedLoop(mine, duty).step(threading.Event()) == AT_ONCE


@pytest.mark.parametrize(
    ("error", "wait"), [(Fenced("another has it"), YIELD), (LogUnavailable("an election", []), STANDBY)]
)
def test_what_passes_is_tried_again_after_a_while(duty: Noted, mine: Lease, error: QueueError, wait: timedelta) -> None:
    duty.does = failing(error)
    loop = LeasedLoop(mine, duty)
    assert loop.step(threading.Event()) == wait

    duty.does = lambda *_: None

    assert loop.step(threading.Event()) == AT_ONCE
    assert duty.led == 2


def test_what_does_not_pass_ends_the_loop_and_is_told_to_the_heirs(duty: Noted, mine: Lease, other: Lease) -> None:
    duty.does = failing(DatabaseFailed("no room is left"))

    with pytest.raises(DatabaseFailed):
        LeasedLoop(mine, duty).run(threading.Event())

    assert other.told().left == "no room is left"
    assert other.holder() is None


def test_a_loop_that_is_stopped_gives_the_lease_back_at_once(duty: Noted, mine: Lease, other: Lease) -> None:
    stop = threading.Event()
    duty.does = lambda _, stop: stop.set()

    LeasedLoop(mine, duty).run(stop)

    assert duty.led == 1
    assert other.acquire()
    assert other.told().left is None
