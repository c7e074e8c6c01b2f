"""Views, counters and checkpoint move together or not at all, whoever dies or fights over them."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from pymongo.client_session import ClientSession

from eventqueue.errors import Fenced
from eventqueue.model.events import LateResult
from eventqueue.model.job import State, fold
from eventqueue.mongo.clock import majority_time
from eventqueue.mongo.ground import Ground
from projections.keeping import checkpoint
from projections.keeping.applier import Applier
from projections.keeping.catch_up import catch_up
from projections.keeping.seats import Seats
from projections.keeping.signals import Signals
from projections.keeping.tail import Change, Tail
from tests.builders import COMPLETED, claimed, enqueued
from tests.projections.crowd import Crowd
from tests.projections.exact import assert_exact, documents, folded, shown
from tests.projections.stage import (
    apply_all,
    await_that,
    checkpoint_of,
    document,
    finish,
    live_of,
    projecting,
    put,
    taking_place,
    unread,
)

LATE = LateResult(claim=2, worker="worker-1", outcome="completed", data={})


class Killed(BaseException):
    """The process is no more."""


def killing(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    def dies(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            function(*args, **kwargs)
        raise Killed

    return dies


# Every step in which a batch is carried out, in order.
STEPS = [
    (Seats, "take", "after"),
    (checkpoint, "advance", "before"),
    (checkpoint, "advance", "after"),
    (Applier, "send", "before"),
    (Applier, "send", "after"),
    (ClientSession, "commit_transaction", "before"),
    (ClientSession, "commit_transaction", "after"),
    (Applier, "_signal", "before"),
    (Signals, "publish", "before"),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[2]} {step[1].strip('_')}")
def test_killed_at_any_step_of_a_batch_it_leaves_what_a_successor_completes(
    built: Ground, crowd: Crowd, step: tuple[object, str, str]
) -> None:
    crowd.act(3)
    finish(built)
    crowd.act(5)
    owner, name, when = step

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, killing(getattr(owner, name), when))
        with pytest.raises(Killed):
            finish(built)

    finish(built)
    assert_exact(built)


@pytest.mark.parametrize("seed", range(4))
def test_after_any_history_the_views_are_the_fold_of_the_log(
    built: Ground, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.keeping.catch_up.CHUNK", [1, 7, 50, 500][seed])
    crowd = Crowd(built, seed)

    for _ in range(3):
        crowd.act(4)
        finish(built)

    assert_exact(built)
    assert shown(built).jobs == crowd.jobs
    assert len({job.state for job in crowd.jobs.values()}) == len(State)


def test_a_batch_that_was_applied_is_not_applied_by_one_who_does_not_know_of_it(built: Ground, crowd: Crowd) -> None:
    crowd.act(3)
    late_comer = taking_place(built)
    events, token = unread(built, late_comer.held.token)
    finish(built)
    before = documents(live_of(built))

    with pytest.raises(Fenced):
        late_comer.apply(events, token, built.clock.now())

    assert documents(live_of(built)) == before
    assert_exact(built)


def test_events_that_are_shown_again_count_once(built: Ground, crowd: Crowd) -> None:
    crowd.act(5)
    applier = taking_place(built)
    events, token = unread(built, applier.held.token)

    applier.apply(events[:40], {"_data": "82somewhere"}, built.clock.now())
    applier.apply(events[20:], token, built.clock.now())
    applier.apply(events, {"_data": "82elsewhere"}, built.clock.now())
    applier.apply([], token, built.clock.now())

    assert_exact(built)


def test_an_older_job_in_the_view_than_the_batch_expects_is_brought_up_from_the_log(built: Ground) -> None:
    put(built, "job-one", enqueued(), claimed(), COMPLETED)
    applier = taking_place(built)
    events, token = unread(built, applier.held.token)

    applier.apply([events[0], events[2]], token, built.clock.now())

    assert_exact(built)


def test_late_results_are_counted_once_in_their_jobs_document(built: Ground) -> None:
    put(built, "job-one", enqueued(), claimed(), COMPLETED)
    put(built, "late-one", LATE, LATE)
    applier = taking_place(built)
    events, token = unread(built, applier.held.token)

    applier.apply(events, {"_data": "82somewhere"}, built.clock.now())
    applier.apply(events[-2:], token, built.clock.now())

    assert document(built, "one")["late_version"] == 2
    assert_exact(built)


def test_two_that_fight_over_the_place_in_every_batch_corrupt_nothing(
    built: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.keeping.catch_up.CHUNK", 9)
    crowd = Crowd(built)
    ended = threading.Event()
    fenced: list[Fenced] = []
    failed: list[BaseException] = []

    def fight() -> None:
        while not ended.is_set():
            try:
                catch_up(built, taking_place(built), majority_time(built.database))
            except Fenced as error:
                fenced.append(error)
            except BaseException as error:
                failed.append(error)
                raise

    fighters = [threading.Thread(target=fight) for _ in range(2)]
    for one in fighters:
        one.start()
    try:
        while len(fenced) < 20 and not failed:
            crowd.act(2)
    finally:
        ended.set()
        for one in fighters:
            one.join()

    assert failed == []
    finish(built)
    assert_exact(built)


def test_two_projectors_that_both_hold_themselves_for_the_leader_corrupt_nothing(built: Ground) -> None:
    crowd = Crowd(built)

    # By the same name, so that the lease tells each of them that it is theirs.
    with projecting(built, "twin"), projecting(built, "twin"):
        fence = checkpoint_of(built).fence
        while checkpoint_of(built).fence < fence + 5:
            crowd.act(3)
        await_that(lambda: checkpoint_of(built).applied == folded(built).applied)

    assert_exact(built)


def test_the_checkpoint_names_the_last_event_of_the_batch(built: Ground) -> None:
    put(built, "job-one", enqueued())
    put(built, "config-default")
    finish(built)

    (last,) = built.log.read("config-default")
    held = checkpoint_of(built).last
    assert held is not None
    assert (held.stream, held.version, held.hash) == (last.stream, last.version, last.hash)


def test_a_job_keeps_version_and_head_of_the_last_event_applied(built: Ground) -> None:
    put(built, "job-one", enqueued(), claimed())
    applier = taking_place(built)
    apply_all(built, applier)

    history = built.log.read("job-one")
    found = document(built, "one")
    assert (found["version"], found["hash"]) == (2, history[-1].hash)
    assert shown(built).jobs["one"] == fold(history)


class HesitantTail(Tail):
    """One whose first look finds nothing, as the server's answer may be before it has come to the first event."""

    looked = False

    def read(self) -> list[Change]:
        if self.looked:
            return super().read()
        self.looked = True
        return []


def test_catching_up_goes_on_until_the_tail_has_passed_what_was_asked_for(
    built: Ground, crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd.act(3)
    monkeypatch.setattr("projections.keeping.catch_up.Tail", HesitantTail)

    finish(built)

    assert_exact(built)
