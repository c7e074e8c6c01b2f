"""Runs with faults: the same seed is the same run, all ends whatever went wrong, and what breaks tells its seed."""

from collections.abc import Sequence
from typing import Any

import pytest

from eventqueue import InvariantBroken, State, using
from eventqueue.model.events import LateResult
from eventqueue.ports.log import Append, Appended
from eventqueue.testing import Fault, TestQueue, history
from eventqueue.testing.invariants import check_ended, check_histories
from eventqueue.testing.log import TakenLog
from tests.builders import append, claimed, enqueued, job_that_is
from tests.testing import app
from tests.testing.conftest import START

SEEDS = range(12)


def simulated(seed: int, faults: Sequence[str], workers: int = 3) -> tuple[list[list[str]], list[str]]:
    """What became of some jobs in a run, and of the world."""
    app.outbox.clear()
    with using(TestQueue(now=START)) as queue:
        jobs: list[Any] = [app.send.enqueue("ann"), app.fall.enqueue(1), app.fall.enqueue(), app.says.enqueue("snooze")]
        jobs += [app.spread_once.enqueue(["bob", "eve"]), *(app.send.enqueue(f"{number}") for number in range(5))]
        queue.run(seed=seed, faults=faults, workers=workers)
        assert all(job.state in (State.COMPLETED, State.DEAD) for job in queue.walk(limit=None).jobs)
        return [history(job) for job in jobs], [*app.outbox]


@pytest.mark.parametrize("seed", SEEDS)
def test_all_ends_whatever_goes_wrong_and_the_same_seed_is_the_same_run(seed: int) -> None:
    assert simulated(seed, [*Fault]) == simulated(seed, [*Fault])


def test_another_seed_is_another_run() -> None:
    assert len({str(simulated(seed, [])) for seed in SEEDS}) > len(SEEDS) // 2
    assert len({str(simulated(seed, [*Fault])) for seed in SEEDS}) > len(SEEDS) - 3


def with_fault(fault: Fault, queue: TestQueue, retries: int = 3) -> list[list[str]]:
    jobs = [app.send.options(max_retries=retries).enqueue("ann") for _ in range(20)]
    queue.run(workers=2, seed=7, faults=[fault])
    return [history(job) for job in jobs]


TRIED_AGAIN = ["enqueued", "claimed", "failed", "retried", "claimed", "completed"]


def test_who_crashes_before_the_effect_has_had_none(queue: TestQueue) -> None:
    histories = with_fault(Fault.CRASH_BEFORE_EFFECT, queue)

    assert TRIED_AGAIN in histories
    assert len(app.outbox) == 20


def test_who_crashes_after_the_effect_has_it_twice(queue: TestQueue) -> None:
    histories = with_fault(Fault.CRASH_AFTER_EFFECT, queue)

    assert len(app.outbox) == 20 + histories.count(TRIED_AGAIN) > 20


def test_a_crash_costs_an_attempt_as_that_of_a_worker_does(queue: TestQueue) -> None:
    histories = with_fault(Fault.CRASH_BEFORE_EFFECT, queue, retries=0)

    assert ["enqueued", "claimed", "failed", "dead-lettered"] in histories
    dead = queue.list(state=State.DEAD).jobs[0]
    assert dead.last_error is not None
    assert dead.last_error.type == "worker-lost"


def test_an_outcome_that_comes_late_is_kept_beside_the_job(queue: TestQueue) -> None:
    histories = with_fault(Fault.LATE_OUTCOME, queue)

    late = [one.event for one in queue.memory.ground.log.taken if isinstance(one.event, LateResult)]
    assert len(late) == histories.count(TRIED_AGAIN) > 0
    assert {one.outcome for one in late} == {"completed"}
    assert {one.worker.partition(".")[0] for one in late} == {"test-1", "test-2"}


def test_a_reply_that_is_lost_costs_nothing_of_what_workers_append(queue: TestQueue) -> None:
    asked: list[Sequence[Append]] = []

    class Counted(TakenLog):
        def append(self, appends: Sequence[Append]) -> list[Appended]:
            asked.append(appends)
            return super().append(appends)

    queue.memory.ground.log.__class__ = Counted

    histories = with_fault(Fault.LOST_REPLY, queue)

    assert histories == [["enqueued", "claimed", "completed"]] * 20
    assert len(asked) > 20 * 3  # some of it twice


def test_an_application_hears_of_a_lost_reply_in_its_task(queue: TestQueue) -> None:
    jobs = [app.spread.enqueue(["ann"]) for _ in range(10)]

    queue.run(seed=3, faults=["lost-reply"])

    assert TRIED_AGAIN in [history(job) for job in jobs]
    assert len(app.outbox) > 10  # a letter without a key of its own was enqueued again


@pytest.mark.parametrize("fault", [Fault.LATE_PROJECTOR, Fault.DUPLICATE_CLAIM])
def test_whatever_the_views_propose_a_job_is_claimed_once(queue: TestQueue, fault: Fault) -> None:
    assert with_fault(fault, queue) == [["enqueued", "claimed", "completed"]] * 20
    assert len(app.outbox) == 20


def test_each_fault_befalls_a_job_once(queue: TestQueue) -> None:
    histories = with_fault(Fault.CRASH_AFTER_EFFECT, queue)

    assert {one.count("failed") for one in histories} == {0, 1}


def test_a_run_that_breaks_tells_how_to_have_it_again(queue: TestQueue) -> None:
    app.claims_too_much.enqueue(3)

    with pytest.raises(AssertionError) as broken:
        queue.run(workers=2, seed=7, faults=["late-projector", "lost-reply"])

    assert broken.value.__notes__ == [
        "The same run again: queue.run(workers=2, seed=7, faults=['lost-reply', 'late-projector'])"
    ]


def test_a_run_without_a_seed_picks_one_and_tells_it(queue: TestQueue) -> None:
    app.claims_too_much.enqueue(3)

    with pytest.raises(AssertionError) as broken:
        queue.run(faults=["lost-reply"])

    (note,) = broken.value.__notes__
    seed = int(note.partition("seed=")[2].partition(",")[0])
    assert note.endswith(f"queue.run(workers=1, seed={seed}, faults=['lost-reply'])")


def test_a_task_that_is_not_idempotent_shows_in_a_run(queue: TestQueue) -> None:
    for number in range(10):
        app.send.enqueue(f"{number}")
    queue.run(workers=3, seed=7, faults=["crash-after-effect"])

    assert len(set(app.outbox)) == 10 < len(app.outbox)


# What must hold.


def test_a_history_that_breaks_a_rule_breaks_the_run(queue: TestQueue) -> None:
    log = queue.memory.ground.log
    log.append([append("job-one", enqueued(), claimed(), claimed(), now=START)])

    with pytest.raises(InvariantBroken, match="Version 3 of job-one breaks a rule: `claimed` is not legal"):
        check_histories(log)
    with pytest.raises(InvariantBroken, match="breaks a rule") as broken:
        queue.run(seed=1)
    assert "seed=1" in broken.value.__notes__[0]


def test_a_log_that_gives_a_place_to_two_workers_breaks_the_run(queue: TestQueue) -> None:
    class Generous(TakenLog):
        def append(self, appends: Sequence[Append]) -> list[Appended]:
            return [Appended(len(one.events)) for one, _ in zip(appends, super().append(appends), strict=True)]

    queue.memory.ground.log.__class__ = Generous
    jobs = [app.send.enqueue(f"{number}") for number in range(20)]

    with pytest.raises(InvariantBroken, match=r"Job (\S+) was claimed twice at version 2\.") as broken:
        queue.run(seed=7, faults=[Fault.DUPLICATE_CLAIM])

    assert str(broken.value).split()[1] in [job.id for job in jobs]


def test_a_job_that_has_not_ended_breaks_the_run() -> None:
    pending, completed = job_that_is("pending"), job_that_is("completed")
    assert pending is not None
    assert completed is not None

    check_ended([completed])
    with pytest.raises(InvariantBroken, match="has not ended: it is pending"):
        check_ended([completed, pending])
