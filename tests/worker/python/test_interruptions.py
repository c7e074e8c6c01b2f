"""What is asked to end while it begins, or as it ends: each run tells of its end, and each child goes."""

import asyncio
import ctypes
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from eventqueue.model.events import Call
from eventqueue.tasks import hooks
from eventqueue.tasks.declared import Declared
from eventqueue.tasks.outcomes import Outcome, Raised, Returned
from eventqueue.worker.python import interrupting
from eventqueue.worker.python.calls import Running
from eventqueue.worker.python.messages import Run, Stop
from tests.builders import job_that_is
from tests.patience import PATIENCE_S
from tests.worker.python.stage import stage
from tests.worker.stage import wait_until

ORDER = Run(
    1,
    "one",
    attempt=1,
    claim=2,
    queue="default",
    timeout_s=None,
    retries_left=0,
    correlation=None,
    call=Call(task="waits"),
)

HANGING = """
import atexit, os, time
from eventqueue import task
from eventqueue.worker.python import child

child.LEAVE_S = 0.1
atexit.register(time.sleep, 1000)

@task
def pid() -> int:
    return os.getpid()
"""


def test_who_interrupts_tasks_leaves_the_interpreters_functions_as_the_users_code_knows_them() -> None:
    assert interrupting.__name__ in sys.modules
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc.argtypes is None


def test_a_stop_that_comes_while_a_hook_of_success_runs_takes_back_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    entered = threading.Event()

    def endless(*_: object) -> None:
        entered.set()
        while True:
            time.sleep(0.01)

    monkeypatch.setattr(hooks, "ended", endless)
    run = Running(ORDER, Declared(name="waits", function=lambda: 7), lambda _: None)
    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(run.call)
        assert entered.wait(PATIENCE_S)
        run.stop(Stop(1, is_timeout=False), None)

        assert outcome.result(PATIENCE_S) == Returned(7)


async def waits() -> None:
    await asyncio.sleep(1000)


def test_an_async_run_that_is_cancelled_before_its_first_step_tells_of_its_end() -> None:
    told: list[Outcome] = []

    async def cancelled() -> None:
        loop = asyncio.get_running_loop()
        run = Running(ORDER, Declared(name="waits", function=waits), lambda _: None)

        async def tell() -> None:
            told.append(await run.acall())

        run.future = loop.create_task(tell())
        run.asked = Stop(1, is_timeout=False)
        run._cancel()
        await asyncio.wait([run.future], timeout=PATIENCE_S)

    asyncio.run(cancelled())

    (outcome,) = told
    assert isinstance(outcome, Raised)
    assert outcome.error.type == "asyncio.exceptions.CancelledError"


def test_a_child_goes_though_what_its_modules_do_at_their_end_hangs(tmp_path: Path) -> None:
    (tmp_path / "hanging.py").write_text(HANGING)
    with stage(imports=("hanging",), import_path=(str(tmp_path),), max_tasks=1) as one:
        job = job_that_is("processing")
        assert job
        one.runner.start("run", replace(job, run=Call(task="hanging.pid")))
        outcome = one.ended("run").outcome

        wait_until(lambda: not Path(f"/proc/{getattr(outcome, 'value', 0)}").exists())
