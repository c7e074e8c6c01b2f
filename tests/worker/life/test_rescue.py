"""Lost workers are buried, and their jobs run again: once, and never while the worker may still be alive."""

import os
import subprocess
import threading
from datetime import timedelta
from typing import Any

import pytest

from eventqueue.model.events import Error, Failed, FailReason, type_of
from eventqueue.model.job import State
from eventqueue.mongo.incarnations import Registration
from eventqueue.ports.log import Append
from eventqueue.system.process import start_time
from eventqueue.worker.life.place import incarnation_here, place
from eventqueue.worker.life.rescue import KEPT, Verdict, judge
from tests.builders import NOW, sealed
from tests.worker.stage import Hand, Stage


def lost_job(stage: Stage, worker: str, **fields: Any) -> str:
    """Enqueue a job that incarnation `worker` has claimed, as the view knows."""
    job = stage.enqueue(**fields)
    stage.claim(job, worker)
    stage.project()
    return job


def failure(stage: Stage, job: str) -> Failed:
    (failed,) = [one.event for one in stage.history(job) if isinstance(one.event, Failed)]
    return failed


def is_buried(stage: Stage, worker: str) -> bool:
    return stage.connection.incarnations.get([worker])[worker].buried_by is not None


@pytest.fixture
def rescuer(stage: Stage) -> Hand:
    return stage.worker("rescuer")


def registered(*, is_live: bool, buried_by: str | None = None) -> Registration:
    worker = incarnation_here("lost", "lost", (), 1)
    return Registration(worker=worker, started_at=NOW, renewed_at=NOW, is_live=is_live, buried_by=buried_by)


@pytest.mark.parametrize("may_bury", [True, False])
@pytest.mark.parametrize("seen_dead", [True, False])
def test_each_verdict_follows_from_what_is_proof(*, may_bury: bool, seen_dead: bool) -> None:
    def verdict(found: Registration | None) -> Verdict:
        return judge(found, seen_dead=seen_dead, may_bury=may_bury)

    assert verdict(registered(is_live=False, buried_by="another")) is Verdict.BRING_BACK
    assert verdict(registered(is_live=True)) is (Verdict.BURY if seen_dead else Verdict.LEAVE)
    assert verdict(registered(is_live=False)) is (Verdict.BURY if seen_dead or may_bury else Verdict.LEAVE)
    assert verdict(None) is (Verdict.BURY if seen_dead or may_bury else Verdict.LEAVE)


def test_the_job_of_a_lost_worker_fails_with_what_is_known_of_it_and_runs_again(stage: Stage, rescuer: Hand) -> None:
    lost = stage.incarnation("lost")
    job = lost_job(stage, lost)
    stage.end_lease(lost)
    renewed_at = stage.connection.incarnations.get([lost])[lost].renewed_at

    rescuer.rescue.rescue_once(may_bury=True)

    failed = failure(stage, job)
    assert (failed.reason, failed.worker, failed.buried_by) == (FailReason.WORKER_LOST, lost, rescuer.me.id)
    assert failed.renewed_at == renewed_at
    stage.project()
    rescuer.wake()
    rescuer.steps(until=lambda: stage.job(job).state is State.COMPLETED)
    assert stage.types(job) == ["enqueued", "claimed", "failed", "retried", "claimed", "completed"]


def test_a_lost_attempt_counts_as_one_and_the_last_ends_in_the_dead_letter_queue(stage: Stage, rescuer: Hand) -> None:
    lost = stage.incarnation("lost")
    job = lost_job(stage, lost, max_retries=0)
    stage.end_lease(lost)

    rescuer.rescue.rescue_once(may_bury=True)

    assert stage.types(job) == ["enqueued", "claimed", "failed", "dead-lettered"]


def test_who_is_live_is_left_alone(stage: Stage, rescuer: Hand) -> None:
    live = stage.incarnation("live")
    job = lost_job(stage, live)

    rescuer.rescue.rescue_once(may_bury=True)

    assert not is_buried(stage, live)
    assert stage.job(job).worker == live


def test_a_rescuer_leaves_its_own_claims_alone(stage: Stage, rescuer: Hand) -> None:
    job = lost_job(stage, rescuer.me.id)

    rescuer.rescue.rescue_once(may_bury=True)

    assert stage.job(job).state is State.PROCESSING


def test_nobody_is_buried_for_silence_until_the_rescuer_may(stage: Stage, rescuer: Hand) -> None:
    silent = stage.incarnation("silent")
    job = lost_job(stage, silent)
    stage.end_lease(silent)

    rescuer.rescue.rescue_once(may_bury=False)

    assert not is_buried(stage, silent)
    assert stage.job(job).state is State.PROCESSING


def test_a_rescuer_that_was_silent_itself_buries_nobody_for_silence(stage: Stage, rescuer: Hand) -> None:
    silent = stage.incarnation("silent")
    job = lost_job(stage, silent)
    stage.end_lease(silent)
    stage.end_lease(rescuer.me.id)  # both lie on a machine that slept, perhaps

    rescuer.rescue.rescue_once(may_bury=True)
    assert stage.job(job).state is State.PROCESSING

    rescuer.beat()
    rescuer.rescue.rescue_once(may_bury=True)
    assert stage.job(job).state is State.FAILED


# Seen dead


@pytest.fixture
def dead_pid() -> tuple[int, int]:
    """The pid and start time of a process that is dead."""
    process = subprocess.Popen(["sleep", "1000"])
    started = start_time(process.pid)
    assert started
    process.kill()
    process.wait()
    return process.pid, started


def test_a_worker_seen_dead_on_this_machine_is_buried_at_once(
    stage: Stage, rescuer: Hand, dead_pid: tuple[int, int]
) -> None:
    pid, started = dead_pid
    dead = stage.incarnation("dead", place=place(), pid=pid, pid_started=started)
    job = lost_job(stage, dead)

    rescuer.rescue.rescue_once(may_bury=False)

    assert is_buried(stage, dead)
    assert failure(stage, job).worker == dead


def test_a_zombie_process_is_seen_dead(stage: Stage, rescuer: Hand) -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    dead = stage.incarnation("dead", place=place(), pid=process.pid, pid_started=start_time(process.pid))
    lost_job(stage, dead)

    rescuer.rescue.rescue_once(may_bury=False)
    process.wait()

    assert is_buried(stage, dead)


def test_the_next_owner_of_a_pid_is_not_taken_for_the_worker(stage: Stage, rescuer: Hand) -> None:
    started = start_time(os.getpid())
    assert started
    dead = stage.incarnation("dead", place=place(), pid=os.getpid(), pid_started=started - 1)
    lost_job(stage, dead)

    rescuer.rescue.rescue_once(may_bury=False)

    assert is_buried(stage, dead)


def test_a_live_process_is_not_seen_dead_even_when_its_lease_is_over(stage: Stage, rescuer: Hand) -> None:
    frozen = stage.incarnation("frozen", place=place())
    lost_job(stage, frozen)
    stage.end_lease(frozen)

    rescuer.rescue.rescue_once(may_bury=False)

    assert not is_buried(stage, frozen)


def test_a_pid_on_another_machine_says_nothing(stage: Stage, rescuer: Hand, dead_pid: tuple[int, int]) -> None:
    pid, started = dead_pid
    elsewhere = stage.incarnation("elsewhere", place="another boot", pid=pid, pid_started=started)
    lost_job(stage, elsewhere)

    rescuer.rescue.rescue_once(may_bury=True)

    assert not is_buried(stage, elsewhere)


def test_a_process_that_the_system_hides_is_not_seen_dead(
    stage: Stage, rescuer: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    hidden = stage.incarnation("hidden", place=place(), pid=os.getpid())
    lost_job(stage, hidden)
    with monkeypatch.context() as hidepid:  # /proc mounted so that it shows one's own processes alone
        hidepid.setattr("eventqueue.worker.life.rescue.os.kill", refuse)
        hidepid.setattr("eventqueue.system.process._read", lambda _: b"")
        rescuer.rescue.rescue_once(may_bury=True)

    assert not is_buried(stage, hidden)


# Burials


def test_an_incarnation_that_nobody_knows_is_buried_and_can_never_renew(stage: Stage, rescuer: Hand) -> None:
    unknown = incarnation_here("unknown:1", "unknown", (), 1)
    job = lost_job(stage, unknown.id)

    rescuer.rescue.rescue_once(may_bury=False)
    assert stage.job(job).state is State.PROCESSING

    rescuer.rescue.rescue_once(may_bury=True)
    assert failure(stage, job).renewed_at is None
    stage.connection.incarnations.register(unknown)
    assert not stage.connection.incarnations.renew(unknown.id)


def test_a_zombies_renewal_is_refused_once_it_is_buried(stage: Stage) -> None:
    zombie = stage.incarnation("zombie")
    incarnations = stage.connection.incarnations
    assert incarnations.renew(zombie)
    assert not incarnations.bury(zombie, "too early")
    assert incarnations.renew(zombie)

    stage.end_lease(zombie)
    assert incarnations.bury(zombie, "somebody")

    assert not incarnations.renew(zombie)
    assert zombie not in {lease.worker.id for lease in incarnations.live()}


def test_a_renewal_in_time_prevents_the_burial(stage: Stage) -> None:
    slow = stage.incarnation("slow")
    stage.end_lease(slow)

    assert stage.connection.incarnations.renew(slow)

    assert not stage.connection.incarnations.bury(slow, "somebody")


def test_who_brings_back_the_jobs_of_one_buried_by_another_says_who_buried_it(stage: Stage, rescuer: Hand) -> None:
    dead = stage.incarnation("dead")
    job = lost_job(stage, dead)
    stage.connection.incarnations.bury(dead, "its supervisor", seen_dead=True)  # which died before it brought them back

    rescuer.rescue.rescue_once(may_bury=False)

    assert failure(stage, job).buried_by == "its supervisor"


def test_a_claim_that_is_projected_only_after_the_burial_is_found_by_a_later_scan(stage: Stage, rescuer: Hand) -> None:
    lost = stage.incarnation("lost")
    first = lost_job(stage, lost)
    late = stage.enqueue()
    stage.claim(late, lost)
    stage.end_lease(lost)
    rescuer.rescue.rescue_once(may_bury=True)
    assert (stage.job(first).state, stage.job(late).state) == (State.FAILED, State.PROCESSING)

    stage.project()
    rescuer.rescue.rescue_once(may_bury=False)

    assert failure(stage, late).worker == lost


def test_two_rescuers_at_once_settle_each_claim_once(stage: Stage) -> None:
    lost = stage.incarnation("lost")
    jobs = [stage.queue.enqueue(command="true", id=f"lost-{number}").id for number in range(30)]
    for job in jobs:
        stage.claim(job, lost)
    stage.project()
    stage.end_lease(lost)
    rescuers = [stage.worker(f"rescuer {number}") for number in range(3)]
    start = threading.Barrier(len(rescuers))

    def rescue(one: Hand) -> None:
        start.wait()
        one.rescue.rescue_once(may_bury=True)

    threads = [threading.Thread(target=rescue, args=(one,)) for one in rescuers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {tuple(stage.types(job)) for job in jobs} == {("enqueued", "claimed", "failed")}


# Views of what the log does not hold (any more)


def restore(stage: Stage, job: str, version: int, *, with_another: bool) -> None:
    """Take back a job's history to before `version`, as a restored backup does; perhaps it went on otherwise."""
    events = stage.connection.ground.database["events"]
    taken = events.find_one_and_delete({"_id": {"stream": f"job-{job}", "version": version}})
    assert taken
    if with_another:
        events.insert_one({**taken, "id": bytes(16), "hash": bytes(32)})


@pytest.mark.parametrize("with_another", [False, True], ids=["its end", "another event"])
def test_a_claim_that_only_the_view_has_is_not_brought_back(stage: Stage, rescuer: Hand, *, with_another: bool) -> None:
    lost = stage.incarnation("lost")
    job, sound = lost_job(stage, lost), lost_job(stage, lost)
    restore(stage, job, 2, with_another=with_another)
    before = stage.log.read_raw(f"job-{job}")
    stage.end_lease(lost)

    rescuer.rescue.rescue_once(may_bury=True)

    assert stage.log.read_raw(f"job-{job}") == before
    assert stage.job(sound).state is State.FAILED


@pytest.mark.parametrize("with_another", [False, True], ids=["its end", "another event"])
def test_a_failure_that_only_the_view_has_gets_no_dead_letter(
    stage: Stage, rescuer: Hand, *, with_another: bool
) -> None:
    job = stage.enqueue(max_retries=0)
    claimed = stage.claim(job, "died between the two")
    failed = Failed(reason=FailReason.ERROR, error=Error(type="exit-code", message="exit code 1"))
    stage.log.append([Append(sealed(failed, stream=claimed.stream, head=claimed.head, now=claimed.updated_at))])
    stage.project()
    restore(stage, job, 3, with_another=with_another)
    before = stage.log.read_raw(f"job-{job}")

    rescuer.rescue.rescue_once(may_bury=False)

    assert stage.log.read_raw(f"job-{job}") == before


@pytest.mark.parametrize("with_another", [False, True], ids=["its end", "another event"])
def test_a_stray_that_only_the_view_has_is_not_released(stage: Stage, *, with_another: bool) -> None:
    worker = stage.worker()
    job = lost_job(stage, worker.me.id)
    restore(stage, job, 2, with_another=with_another)
    before = stage.log.read_raw(f"job-{job}")

    for _ in range(3):
        worker.beat()
        worker.engine.step()

    assert stage.log.read_raw(f"job-{job}") == before


# Sweeping


def test_a_failure_for_good_without_its_dead_letter_gets_one(stage: Stage, rescuer: Hand) -> None:
    job = stage.enqueue(max_retries=0)
    claimed = stage.claim(job, "died between the two")
    failed = Failed(reason=FailReason.ERROR, error=Error(type="exit-code", message="exit code 1"))
    stage.log.append([Append(sealed(failed, stream=claimed.stream, head=claimed.head, now=claimed.updated_at))])
    stage.project()

    rescuer.rescue.rescue_once(may_bury=False)
    rescuer.rescue.rescue_once(may_bury=False)  # the view does not know of it yet

    assert stage.types(job) == ["enqueued", "claimed", "failed", "dead-lettered"]


def test_a_failure_that_waits_for_its_retry_gets_no_dead_letter(stage: Stage, rescuer: Hand) -> None:
    job = stage.enqueue("false", backoff={"base": 1000})
    rescuer.steps(until=lambda: stage.job(job).state is State.FAILED)
    stage.project()

    rescuer.rescue.rescue_once(may_bury=True)

    assert stage.job(job).state is State.FAILED


def test_incarnations_that_are_long_gone_are_forgotten(stage: Stage, rescuer: Hand) -> None:
    gone, ended, recent, live = (stage.incarnation(name) for name in ("gone", "ended", "recent", "live"))
    for one in (gone, recent):
        stage.connection.incarnations.bury(one, "somebody", seen_dead=True)
    long_ago = stage.connection.ground.clock.now() - KEPT - timedelta(minutes=1)
    workers = stage.connection.ground.database["workers"]
    workers.update_one({"_id": gone}, {"$set": {"buried_at": long_ago}})
    workers.update_one({"_id": ended}, {"$set": {"expires_at": long_ago}})

    rescuer.rescue.rescue_once(may_bury=True)

    assert {one["_id"] for one in workers.find()} == {recent, live, ended, rescuer.me.id}  # that one is buried just now
    assert not stage.connection.incarnations.renew(gone)
    assert not stage.connection.incarnations.renew(ended)


def test_who_is_lost_is_told_of_once_and_not_looked_at_again(stage: Stage, rescuer: Hand) -> None:
    lost = stage.incarnation("lost")
    stage.end_lease(lost)
    assert [one.worker.id for one in stage.connection.incarnations.gone()] == [lost]

    rescuer.rescue.rescue_once(may_bury=True)
    rescuer.rescue.rescue_once(may_bury=True)

    told = stage.connection.ground.log.read(f"worker-{lost}")
    assert [type_of(one.event) for one in told].count("worker-lost") == 1
    assert not stage.connection.incarnations.gone()


def test_a_job_that_is_not_there_any_more_in_the_view_is_no_trouble(stage: Stage, rescuer: Hand) -> None:
    lost = stage.incarnation("lost")
    job = lost_job(stage, lost)
    stage.end_lease(lost)
    stage.queue.cancel(job)  # the view still shows it as held

    rescuer.rescue.rescue_once(may_bury=True)

    assert stage.types(job) == ["enqueued", "claimed", "cancelled"]
