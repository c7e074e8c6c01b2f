"""Across processes: who enqueues sees the job, with the projector alive, never started, or killed this moment."""

from random import Random

import pytest

from eventqueue.mongo.ground import Ground
from tests.projections.crowd import Crowd
from tests.projections.exact import assert_exact, shown
from tests.projections.processes import ENQUEUE, LIST, WAIT_FOR, projector_process, run
from tests.projections.stage import await_that, checkpoint_of, end_lease, finish, is_fresh, live_of

MINE = {f"mine-{number}" for number in range(5)}


@pytest.fixture
def place(ground: Ground, server_uri: str) -> tuple[str, str]:
    """Where the processes find the test's database."""
    return server_uri, ground.database.name


def enqueue_then_list(place: tuple[str, str]) -> set[str]:
    run(ENQUEUE, *place, "mine", str(len(MINE)))
    return set(run(LIST, *place).split())


def test_what_was_enqueued_is_listed_where_no_projector_was_ever_started(place: tuple[str, str]) -> None:
    assert enqueue_then_list(place) == MINE


def test_what_was_enqueued_is_listed_while_the_projector_works(ground: Ground, place: tuple[str, str]) -> None:
    with projector_process(*place) as projector:
        await_that(lambda: is_fresh(ground))
        assert enqueue_then_list(place) == MINE
        assert projector.stop() == 0

    assert checkpoint_of(ground).fence == 1  # nobody took the place in between
    assert_exact(ground)


def test_what_was_enqueued_is_listed_just_after_the_projector_was_killed(
    ground: Ground, place: tuple[str, str]
) -> None:
    with projector_process(*place) as projector:
        await_that(lambda: is_fresh(ground))
        Crowd(ground).act(30, size=100)
        await_that(lambda: checkpoint_of(ground).applied)
        projector.kill()
        assert enqueue_then_list(place) >= MINE

    assert_exact(ground)


def test_who_waits_for_a_receipt_sees_it_with_a_projector_and_without(ground: Ground, place: tuple[str, str]) -> None:
    run(WAIT_FOR, *place, "first")
    with projector_process(*place):
        run(WAIT_FOR, *place, "second")

    assert set(shown(ground).jobs) == {"first", "second"}


def test_a_standby_process_takes_over_from_one_that_was_killed(built: Ground, place: tuple[str, str]) -> None:
    crowd = Crowd(built)

    with projector_process(*place) as one, projector_process(*place) as other:
        await_that(lambda: checkpoint_of(built).fence)
        crowd.act(20, size=100)
        holder = built.database["leases"].find_one({})
        assert holder is not None
        leader = one if holder["holder"].endswith(f":{one.pid}") else other
        leader.kill()
        crowd.act(5)
        await_that(lambda: is_fresh(built))

    assert_exact(built)


@pytest.mark.parametrize("seed", range(3))
def test_a_projector_killed_under_load_is_succeeded_by_one_that_ends_at_the_fold(
    built: Ground, place: tuple[str, str], seed: int
) -> None:
    crowd, chance = Crowd(built, seed), Random(seed)

    with projector_process(*place) as projector:
        crowd.act(chance.randint(5, 40), size=200)
        await_that(lambda: checkpoint_of(built).applied)
        projector.kill()

    end_lease(built)
    finish(built)
    assert_exact(built)
    assert live_of(built).number == 1
