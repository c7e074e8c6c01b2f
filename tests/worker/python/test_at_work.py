"""Python tasks from the log to their end there, by workers as `worker start` runs them."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eventqueue.model.events import Cancelled, Completed, Failed, FailReason, Released
from eventqueue.model.job import State
from eventqueue.worker.python.plan import PythonPlan
from tests.worker.crew import Crew, Start, descendants
from tests.worker.python.stage import APP, ROOT, pid_in
from tests.worker.stage import Stage, wait_until

PYTHON = PythonPlan(imports=(APP,), import_path=(ROOT,), processes=1)

Call = Callable[..., str]


@pytest.fixture
def call(stage: Stage) -> Call:
    """What enqueues a call of a task of the app."""

    def enqueue(task: str, *args: Any, **fields: Any) -> str:
        fields = {"backoff": {"base": 0, "jitter": 0}, "max_retries": 3, **fields}
        job_id = stage.queue.enqueue({"task": f"{APP}.{task}", "args": list(args), **fields}).id
        stage.project()
        return job_id

    return enqueue


def failure(stage: Stage, job: str) -> Failed:
    found = [one.event for one in stage.history(job) if isinstance(one.event, Failed)]
    assert found
    return found[0]


def test_each_way_in_which_a_task_ends_is_in_the_history(stage: Stage, call: Call, start: Start) -> None:
    done, flaky, wrong = call("add", 1, 2), call("succeeds_after", 2), call("raises", "ValueError", max_retries=0)
    crashed, exits = call("segfault", max_retries=0), call("exits_at_once", 3, max_retries=0)
    gone, fatal = call("directs", "discard"), call("directs", "fail")
    slow = call("stay", str(stage.folder / "slow"), timeout=0.2, max_retries=0)
    later, prints, shell = call("snoozes_once", str(stage.folder / "snoozed")), call("talk"), stage.enqueue("exit 0")

    assert start(python=PYTHON, until_empty=True).ends() == 0

    completed = stage.last(done)
    assert isinstance(completed, Completed)
    assert completed.result == 3
    assert stage.job(flaky).attempts == 3
    assert failure(stage, flaky).error.type == "ValueError"
    assert (failure(stage, wrong).reason, failure(stage, wrong).error.message) == (FailReason.ERROR, "no such order")
    assert failure(stage, crashed).reason is FailReason.CRASHED
    assert failure(stage, crashed).error.message == "The process that ran it was killed by SIGSEGV."
    assert failure(stage, exits).error.message == "The process that ran it ended by itself, with exit code 3."
    assert failure(stage, slow).reason is FailReason.TIMEOUT
    assert isinstance(stage.last(gone), Cancelled)
    assert stage.job(fatal).state is State.DEAD
    assert stage.job(fatal).attempts == 1
    assert stage.job(shell).state is State.COMPLETED
    assert stage.types(later) == ["enqueued", "claimed", "released", "claimed", "completed"]
    assert stage.job(later).attempts == 1
    kept = stage.queue.output(prints, 2)
    assert kept is not None
    assert kept.stdout == b"to stdout\n\x00\xffbinary\n"
    assert b"INFO shop: logged" in kept.stderr
    assert stage.queue.verify_all().findings == ()


def test_a_cancelled_job_is_interrupted_at_once(stage: Stage, call: Call, start: Start) -> None:
    file = stage.folder / "there"
    job = call("stay", str(file))
    crew = start(python=PYTHON)
    child = pid_in(file)

    stage.queue.cancel(job, "no longer wanted")
    after = call("pid")
    stage.ended(after)

    assert isinstance(stage.last(job), Cancelled)
    assert _value(stage, after) == child  # which is there still
    crew.tell()
    assert crew.ends() == 0


def test_a_stop_hands_back_what_runs_after_the_grace(stage: Stage, call: Call, start: Start) -> None:
    file = stage.folder / "there"
    job = call("stay", str(file))
    crew = start(python=PYTHON, grace=0.1)
    pid_in(file)
    crew.everything()

    crew.tell_all(signal.SIGINT)

    assert crew.ends() == 0
    released = stage.last(job)
    assert isinstance(released, Released)
    assert released.reason == "its worker was stopped"
    assert stage.job(job).attempts == 0
    wait_until(crew.leaves_nothing)


def test_nothing_outlives_a_worker_that_is_killed(stage: Stage, call: Call, start: Start) -> None:
    left, there = stage.folder / "left", stage.folder / "there"
    call("leaves_something", str(left))
    stray = pid_in_of(left, lambda: start(python=PYTHON, concurrency=1))
    call("stay", str(there))
    child = pid_in(there)
    worker = next(pid for pid in _ancestors(child) if "eventqueue.worker.child" in _command(pid))

    os.kill(worker, signal.SIGKILL)

    wait_until(lambda: not _is_there(stray) and not _is_there(child))


def pid_in_of(file: Path, begin: Callable[[], Crew]) -> int:
    begin()
    return pid_in(file)


def _ancestors(pid: int) -> list[int]:
    found = []
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        found.append(pid)
    return found


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def _is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _value(stage: Stage, job: str) -> Any:
    completed = stage.last(job)
    assert isinstance(completed, Completed)
    return completed.result


def test_a_module_that_cannot_be_imported_ends_it_all_with_a_sentence(stage: Stage, start: Start) -> None:
    (stage.folder / "broken.py").write_text("import os\nraise OSError('no licence')\n")

    crew = start(python=PythonPlan(imports=("broken",), import_path=(str(stage.folder),)))

    assert crew.ends() == 1
    assert "1: Module 'broken' cannot be imported: OSError: no licence (broken.py, line 2)" in crew.logged()
    assert "Traceback" not in crew.logged()
    assert "replaced" not in crew.logged()


def test_a_worker_that_imports_for_long_says_so_and_can_be_stopped(stage: Stage, start: Start) -> None:
    (stage.folder / "slow.py").write_text(
        f"import time\nopen('{stage.folder}/there', 'w').write('1')\nprint('\\x1b[2Jloading')\ntime.sleep(1000)\n"
    )
    crew = start(python=PythonPlan(imports=("slow",), import_path=(str(stage.folder),)))
    wait_until((stage.folder / "there").exists)
    wait_until(lambda: "printed outside of a job: \\\\x1b[2Jloading" in crew.logged())
    crew.everything()

    crew.tell()

    assert crew.ends() == 0
    wait_until(crew.leaves_nothing)
    assert descendants(crew.pid) == []
