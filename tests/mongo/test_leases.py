"""The lease: who works, of all the projectors that are started, by the database's clock."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.mongo import leases as module
from eventqueue.mongo.leases import Holder, Lease, Progress, Renewal, Told
from tests.projections.stage import await_that

ROLE = "sealer"
Store = Database[dict[str, Any]]


def end_lease(database: Store, role: str) -> None:
    """Let a lease run out now, as it does three seconds after its holder's death."""
    database["leases"].update_one({"_id": role}, {"$set": {"until": datetime(1970, 1, 2, tzinfo=UTC)}})


def test_one_holds_it_and_no_other(prepared: Store) -> None:
    mine, other = Lease(prepared, ROLE, "mine"), Lease(prepared, ROLE, "other")

    assert mine.acquire()
    assert mine.acquire()
    assert not other.acquire()
    assert not other.renew()
    assert other.holder() == Holder("mine", is_live=True)


def test_of_many_who_want_it_at_once_one_gets_it(prepared: Store) -> None:
    leases = [Lease(prepared, ROLE, f"projector-{number}") for number in range(8)]
    start = threading.Barrier(len(leases))

    def acquire(one: Lease) -> bool:
        start.wait()
        return one.acquire()

    with ThreadPoolExecutor(len(leases)) as pool:
        assert sum(pool.map(acquire, leases)) == 1


def test_before_anybody_worked_nobody_holds_it(prepared: Store) -> None:
    assert Lease(prepared, ROLE, "mine").holder() is None


def test_released_it_is_free_at_once(prepared: Store) -> None:
    mine, other = Lease(prepared, ROLE, "mine"), Lease(prepared, ROLE, "other")
    mine.acquire()

    mine.release()

    assert mine.holder() is None
    assert other.acquire()


def test_who_has_released_it_does_not_take_it_back_by_a_renewal(prepared: Store) -> None:
    mine, other = Lease(prepared, ROLE, "mine"), Lease(prepared, ROLE, "other")
    mine.acquire()
    mine.release()

    assert not mine.renew()
    assert other.acquire()


def test_what_somebody_has_altered_tells_nothing(prepared: Store) -> None:
    mine = Lease(prepared, ROLE, "mine")
    mine.acquire()
    prepared["leases"].update_one({"_id": ROLE}, {"$set": {"rate": "x", "left": [1]}})

    assert mine.told() == Told()


def test_who_does_not_hold_it_cannot_release_it(prepared: Store) -> None:
    mine, other = Lease(prepared, ROLE, "mine"), Lease(prepared, ROLE, "other")
    mine.acquire()

    other.release()

    assert other.holder() == Holder("mine", is_live=True)


def test_at_its_end_another_may_have_it_and_the_first_learns_so(prepared: Store) -> None:
    mine, other = Lease(prepared, ROLE, "mine"), Lease(prepared, ROLE, "other")
    mine.acquire()
    end_lease(prepared, ROLE)

    assert other.holder() == Holder("mine", is_live=False)
    assert other.acquire()
    assert not mine.renew()
    assert not mine.acquire()


def test_one_that_ended_and_that_nobody_took_is_renewed(prepared: Store) -> None:
    mine = Lease(prepared, ROLE, "mine")
    mine.acquire()
    end_lease(prepared, ROLE)

    assert mine.renew()
    assert mine.holder() == Holder("mine", is_live=True)


def test_it_ends_by_the_clock_of_the_database_alone(prepared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LENGTH", timedelta(milliseconds=100))
    mine, other = Lease(prepared, ROLE, "mine"), Lease(prepared, ROLE, "other")
    mine.acquire()

    await_that(other.acquire)

    assert not mine.renew()


def test_a_name_that_looks_like_an_expression_is_a_name(prepared: Store) -> None:
    odd = Lease(prepared, ROLE, "$until")

    assert odd.acquire()
    assert odd.holder() == Holder("$until", is_live=True)


def test_it_is_renewed_for_as_long_as_a_block_lasts(prepared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RENEWAL", timedelta(milliseconds=10))
    mine = Lease(prepared, ROLE, "mine")
    mine.acquire()

    with Renewal(mine) as renewal:
        end_lease(prepared, ROLE)
        await_that(lambda: mine.holder() == Holder("mine", is_live=True))
        assert renewal.is_held


def test_whatever_keeps_it_from_being_renewed_once_it_is_tried_again(
    prepared: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RENEWAL", timedelta(milliseconds=10))
    mine, troubles = Lease(prepared, ROLE, "mine"), [KeyError("ok")]
    mine.acquire()

    def how_it_goes() -> Progress:
        if troubles:
            raise troubles.pop()
        return Progress(applied=1, caught_up_at=None)

    with Renewal(mine) as renewal:
        renewal.tell(how_it_goes)
        await_that(lambda: not troubles)
        end_lease(prepared, ROLE)
        await_that(lambda: mine.holder() == Holder("mine", is_live=True))
        assert renewal.is_held


def test_who_renews_learns_that_another_has_it(prepared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RENEWAL", timedelta(milliseconds=10))
    mine, other = Lease(prepared, ROLE, "mine"), Lease(prepared, ROLE, "other")
    mine.acquire()

    end_lease(prepared, ROLE)
    other.acquire()

    with Renewal(mine) as renewal:
        await_that(lambda: not renewal.is_held)

    assert mine.holder() == Holder("other", is_live=True)
