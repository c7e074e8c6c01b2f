"""Events of `queue-…` are of no view: they pass through all that reads the log, and are no poison, no lag, no hole."""

from eventqueue.model.events import Paused, Resumed
from eventqueue.mongo.ground import Ground
from projections.keeping.rescan import rescan
from projections.reading.operator import ViewOperator
from projections.reading.verify import verify
from projections.registry import PROJECTIONS
from tests.builders import enqueued
from tests.projections.exact import assert_exact
from tests.projections.stage import (
    await_that,
    build,
    checkpoint_of,
    finish,
    is_fresh,
    projecting,
    put,
    taking_place,
)


def switched(ground: Ground) -> None:
    put(ground, "queue-mail", Paused(why="moving"), Resumed(), Paused())
    put(ground, "job-one", enqueued())
    put(ground, "queue-web", Paused())


def parked(ground: Ground) -> list[object]:
    return [one for projection in ViewOperator(ground, PROJECTIONS, "tests").projections() for one in projection.parked]


def test_a_projector_passes_over_them_and_is_caught_up(built: Ground) -> None:
    with projecting(built):
        switched(built)
        await_that(lambda: is_fresh(built))

    assert checkpoint_of(built).applied == 1
    assert parked(built) == []
    assert_exact(built)


def test_where_nothing_but_them_is_missing_the_views_can_be_fresh(built: Ground) -> None:
    put(built, "queue-mail", Paused())
    assert not is_fresh(built)

    finish(built)

    assert is_fresh(built)


def test_a_rebuild_a_rescan_and_a_verification_pass_over_them(built: Ground) -> None:
    switched(built)

    build(built)
    rescan(built, taking_place(built))

    assert is_fresh(built)
    assert list(verify(built, PROJECTIONS)) == []
    assert parked(built) == []
    assert_exact(built)
