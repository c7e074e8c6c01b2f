"""The supervisor and its children as real processes: who dies is replaced, who is asked to stop stops, none stays."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.database import Database

from eventqueue.errors import Unavailable
from eventqueue.model.events import Failed, FailReason, Released
from eventqueue.model.job import State
from eventqueue.mongo.leases import PROJECTING, Lease
from eventqueue.system.process import start_time
from eventqueue.worker.child import _check_views
from eventqueue.worker.supervisor import pause_after
from tests.patience import PATIENCE_S
from tests.worker.crew import Crew, Start, children, command_line
from tests.worker.stage import Stage, wait_until

SECRET = "secret-word"


@pytest.fixture
def stage(server_uri: str, database: Database[dict[str, Any]], tmp_path: Path) -> Iterator[Stage]:
    """A database of the test's own: a projector that was killed may have left a transaction open in it."""
    stage = Stage(server_uri, database.name, tmp_path)
    yield stage
    stage.close()


def executing(stage: Stage, crew: Crew, job: str) -> None:
    crew.await_said("executing")
    assert stage.job(job).state is State.PROCESSING


def test_it_ends_in_order_once_nothing_is_left_to_do(stage: Stage, start: Start) -> None:
    flaky = f"test -e {stage.folder}/tried || {{ touch {stage.folder}/tried; exit 1; }}"
    jobs = {
        stage.enqueue("true"): State.COMPLETED,
        stage.enqueue(flaky): State.COMPLETED,
        stage.enqueue("false", max_retries=1): State.DEAD,
        stage.enqueue("true", delay=0.5): State.COMPLETED,
        stage.enqueue("sleep 1000", timeout=0.2, max_retries=0): State.DEAD,
    }

    crew = start(count=2, until_empty=True)

    assert crew.ends() == 0
    assert {job: stage.job(job).state for job in jobs} == jobs
    assert stage.connection.incarnations.live() == []
    assert len(crew.said("started")) == len(crew.said("stopped")) == 2
    assert stage.queue.verify_all().findings == ()


def test_who_waits_for_jobs_that_are_yet_to_come_says_so_once(stage: Stage, start: Start) -> None:
    done, later = stage.enqueue("true"), stage.enqueue("true", delay=3600)

    crew = start(until_empty=True)
    wait_until(lambda: "waits for 1 job that is due in 59 min" in crew.logged())
    stage.queue.cancel(later)

    assert crew.ends() == 0
    assert crew.logged().count("nothing runs now") == 1
    assert stage.job(done).state is State.COMPLETED


def test_a_worker_claims_nothing_from_views_that_are_ahead_of_their_log(
    stage: Stage, database: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = stage.enqueue("true")
    _check_views(stage.connection)
    monkeypatch.setattr("projections.reading.refreshing.WAIT_S", 0.0)
    assert Lease(database, PROJECTING, "another, who is about to build them anew").acquire()

    database["events"].delete_one({"_id": {"stream": f"job-{job}", "version": 1}})

    with pytest.raises(Unavailable):
        _check_views(stage.connection)


def test_after_a_restored_backup_only_what_the_log_still_has_is_run(
    stage: Stage, start: Start, database: Database[dict[str, Any]]
) -> None:
    kept, lost = stage.enqueue("true"), stage.enqueue("true")
    assert stage.queue.status().count(State.PENDING) == 2
    database["events"].delete_one({"_id": {"stream": f"job-{lost}", "version": 1}})

    crew = start(until_empty=True)

    assert crew.ends() == 0
    assert [one["job"] for one in crew.said("executing")] == [kept]
    assert stage.queue.verify_all().jobs == 1


def test_who_was_told_to_leave_by_a_signal_is_seen_as_stopping(stage: Stage, start: Start) -> None:
    gate = stage.gate()
    stage.enqueue(gate.command)
    crew = start(grace=1000.0)
    gate.pid()

    crew.tell(signal.SIGINT)

    wait_until(lambda: [one.stop_by is not None for one in stage.queue.workers()] == [True])
    gate.let_out()
    assert crew.ends() == 0


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_what_runs_at_a_stop_may_finish_within_the_grace(stage: Stage, start: Start, signum: signal.Signals) -> None:
    gate = stage.gate()
    job = stage.enqueue(gate.command)
    crew = start(grace=1000.0)
    executing(stage, crew, job)
    gate.pid()
    left = stage.enqueue()

    crew.tell_all(signum)  # as a terminal or a service manager does
    wait_until(lambda: stage.queue.workers()[0].stop_by)
    gate.let_out()

    assert crew.ends() == 0
    assert stage.job(job).state is State.COMPLETED
    assert stage.types(left) == ["enqueued"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGHUP])
def test_what_ends_a_terminal_while_children_are_starting_is_for_the_supervisor_alone(
    start: Start, signum: signal.Signals
) -> None:
    crew = start()
    wait_until(lambda: any("eventqueue.worker.child" in command_line(pid) for pid in children(crew.pid)))

    crew.tell_all(signum)  # while Python itself is starting there

    assert crew.ends() == 0
    assert crew.logged() == ""


def test_under_nohup_the_end_of_the_terminal_is_survived(stage: Stage, start: Start) -> None:
    job = stage.enqueue("true")
    crew = start(on_hangup=signal.SIG_IGN)
    crew.await_said("completed")

    crew.tell_all(signal.SIGHUP)
    other = stage.enqueue("true")

    crew.await_said("completed", 2)
    assert {one["job"] for one in crew.said("completed")} == {job, other}
    crew.tell()
    assert crew.ends() == 0


def test_what_runs_past_the_grace_is_released_and_killed(stage: Stage, start: Start) -> None:
    gate = stage.gate()
    job = stage.enqueue(gate.command)
    crew = start(grace=0.2)
    executing(stage, crew, job)
    crew.everything()

    crew.tell()

    assert crew.ends() == 0
    assert isinstance(stage.last(job), Released)
    assert stage.job(job).attempts == 0
    assert crew.leaves_nothing()


def test_a_second_stop_hands_everything_back_at_once(stage: Stage, start: Start) -> None:
    gate = stage.gate()
    job = stage.enqueue(gate.command)
    crew = start(grace=1000.0)
    executing(stage, crew, job)

    crew.tell()
    crew.tell(signal.SIGINT)

    assert crew.ends() == 0
    assert isinstance(stage.last(job), Released)


def test_who_stops_it_is_told_what_is_waited_for_and_what_the_next_stop_does(stage: Stage, start: Start) -> None:
    gate = stage.gate()
    crew = start(grace=1000.0)
    executing(stage, crew, stage.enqueue(gate.command))

    crew.tell(signal.SIGINT)
    wait_until(lambda: "Stopping: 1 job still runs and may end until " in crew.logged())
    assert "Z, 16 min 40 s from now at most. A second Ctrl-C hands back at once what runs." in crew.logged()
    crew.tell(signal.SIGINT)

    assert crew.ends() == 0
    assert "What runs is handed back at once; one more Ctrl-C kills it." in crew.logged()


def test_where_nothing_runs_or_it_is_to_be_quiet_a_stop_says_nothing(stage: Stage, start: Start) -> None:
    gate = stage.gate()
    quiet = start(grace=0.2, quiet=True)
    executing(stage, quiet, stage.enqueue(gate.command))
    quiet.tell(signal.SIGINT)
    assert quiet.ends() == 0

    idle = start(grace=1000.0)
    idle.await_said("started")
    for job in stage.queue.list():
        stage.queue.cancel(job.id)
    idle.tell(signal.SIGINT)
    assert idle.ends() == 0

    assert "Stopping" not in quiet.logged() + idle.logged()


def test_a_worker_killed_with_9_is_buried_and_replaced_at_once_and_its_job_runs_again(
    stage: Stage, start: Start
) -> None:
    gate = stage.gate()
    job = stage.enqueue(gate.command)
    crew = start()
    executing(stage, crew, job)
    shell = gate.pid()

    os.kill(crew.workers()["1"], signal.SIGKILL)
    crew.await_said("started", 2)
    crew.await_said("executing", 2)

    lost = stage.history(job)[2]
    assert isinstance(lost.event, Failed)
    assert lost.event.reason is FailReason.WORKER_LOST
    assert lost.event.buried_by
    assert lost.event.buried_by.startswith("supervisor/")
    assert lost.actor == f"worker/{lost.event.buried_by}"  # not by a rescuer's scan, later
    assert gate.pid() != shell
    gate.let_out()
    stage.ended(job)
    assert stage.job(job).attempts == 2


@pytest.mark.parametrize("signum", sorted({*range(1, signal.SIGRTMAX + 1)} & {9, 11, 31, 34, 40, signal.SIGRTMAX}))
def test_a_worker_is_replaced_whatever_signal_ended_it(stage: Stage, start: Start, signum: int) -> None:
    crew = start()
    crew.await_said("started")

    os.kill(crew.workers()["1"], signum)

    crew.await_said("started", 2)
    stage.ended(stage.queue.enqueue(command="true").id)
    crew.tell()
    assert crew.ends() == 0


def test_a_worker_that_dies_young_again_and_again_is_replaced_after_growing_pauses(start: Start) -> None:
    crew = start()
    for number in range(1, 4):
        crew.await_said("started", number)
        os.kill(crew.workers()["1"], signal.SIGKILL)
    crew.await_said("started", 4)

    assert "in 1 s (early death number 2 in a row)" in crew.logged()
    assert "in 2 s (early death number 3 in a row)" in crew.logged()


def test_the_pauses_between_early_deaths_grow_to_a_bound() -> None:
    assert [pause_after(deaths) for deaths in range(1, 9)] == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert pause_after(10**9) == 30.0


def test_a_worker_that_is_asked_to_leave_by_itself_finishes_its_job_and_is_not_replaced(
    stage: Stage, start: Start
) -> None:
    gate = stage.gate()
    job, left = stage.enqueue(gate.command), stage.enqueue()
    crew = start(grace=1000.0)
    executing(stage, crew, job)

    os.kill(crew.workers()["1"], signal.SIGTERM)
    wait_until(lambda: stage.queue.workers()[0].stop_by)
    gate.let_out()

    assert crew.ends() == 0  # nobody is left to look after
    assert stage.types(job) == ["enqueued", "claimed", "completed"]
    assert stage.types(left) == ["enqueued"]
    assert len(crew.said("started")) == 1


def test_a_cancelled_running_job_dies_and_its_slot_is_free_again(stage: Stage, start: Start) -> None:
    gate = stage.gate()
    job = stage.enqueue(f"trap '' TERM; {gate.command}")
    crew = start()
    executing(stage, crew, job)
    shell = gate.pid()

    stage.queue.cancel(job)
    wait_until(lambda: start_time(shell) is None)

    stage.ended(stage.queue.enqueue(command="true").id)
    assert stage.types(job) == ["enqueued", "claimed", "cancelled"]


def test_a_supervisor_killed_with_9_leaves_no_process_behind(stage: Stage, start: Start) -> None:
    gate = stage.gate()
    job = stage.enqueue(gate.command)
    crew = start(count=2, grace=0.2)
    crew.await_said("started", 2)
    executing(stage, crew, job)
    shell = gate.pid()
    assert shell in crew.everything()

    crew.tell(signal.SIGKILL)

    wait_until(crew.leaves_nothing)
    assert isinstance(stage.last(job), Released)


def test_a_projector_killed_with_9_is_replaced(stage: Stage, start: Start) -> None:
    crew = start()
    crew.await_said("started")
    wait_until(lambda: crew.projector() is not None)
    first = crew.projector()
    assert first
    stage.ended(stage.queue.enqueue(command="true").id)

    os.kill(first, signal.SIGKILL)

    wait_until(lambda: crew.projector() not in (None, first))
    stage.ended(stage.queue.enqueue(command="true").id)  # which no worker sees without a projector


def test_no_password_stands_in_any_command_line(stage: Stage, start: Start) -> None:
    database = stage.connection.ground.database
    database.command("createUser", "worker", pwd=SECRET, roles=["dbOwner"])
    try:
        gate = stage.gate()
        job = stage.enqueue(gate.command)
        uri = stage.uri.replace("mongodb://", f"mongodb://worker:{SECRET}@") + f"&authSource={database.name}"
        crew = start(uri=uri)
        executing(stage, crew, job)
        gate.pid()

        lines = [command_line(pid) for pid in (crew.pid, *crew.everything())]

        assert len(lines) >= 5  # supervisor, projector, worker, launcher, shell
        assert not [line for line in lines if SECRET in " ".join(line)]
        crew.tell()
        gate.let_out()
        assert crew.ends() == 0
    finally:
        database.command("dropUser", "worker")


def test_a_process_whose_heartbeat_thread_fails_does_not_live_on_without_it() -> None:
    code = "from eventqueue.worker.child import _thread; _thread('heartbeat', lambda: 1 / 0); threading.Event().wait()"

    ended = subprocess.run(
        [sys.executable, "-c", f"import threading; {code}"],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )

    assert ended.returncode == 1
    assert "the heartbeat thread failed" in ended.stderr
