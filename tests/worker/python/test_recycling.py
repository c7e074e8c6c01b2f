"""Children that have had so many tasks, or are too large, are replaced, and nothing that runs in them is disturbed."""

from pathlib import Path

import msgspec
import pytest

from eventqueue.model.events import Call
from eventqueue.tasks.outcomes import Returned
from eventqueue.worker.python import pool
from tests.worker.python.stage import APP, ROOT, Stage, job, pid_in, stage
from tests.worker.stage import wait_until


def pids(one: Stage, count: int) -> list[int]:
    for number in range(count):
        one.start("pid", key=str(number))
    outcomes = [one.ended(str(number)).outcome for number in range(count)]
    return [outcome.value for outcome in outcomes if isinstance(outcome, Returned)]


def test_a_child_has_no_more_tasks_than_it_may() -> None:
    with stage(max_tasks=3) as one:
        found = pids(one, 10)

        assert sorted(found.count(pid) for pid in set(found)) == [1, 3, 3, 3]
        wait_until(lambda: not Path(f"/proc/{found[0]}").exists())


def test_a_child_that_may_have_no_more_finishes_what_it_has(tmp_path: Path) -> None:
    with stage(max_tasks=1, threads=2) as one:
        one.start("stay", tmp_path / "there", 0.3, key="long")
        pid = pid_in(tmp_path / "there")

        assert one.value("pid") != pid
        assert one.ended("long").outcome == Returned("slept")


def test_a_child_that_is_too_large_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MEMORY_S", 0.0)
    with stage(max_memory=300 * 1024 * 1024) as one:
        small = one.value("pid")
        assert one.value("eats", 50 * 1024 * 1024) == small
        assert one.value("eats", 300 * 1024 * 1024) == small

        wait_until(lambda: one.value("pid") != small)


@pytest.mark.parametrize("plan", [{}, {"max_tasks": 1}])
def test_what_modules_do_at_the_end_of_their_process_is_done_where_a_child_leaves(
    tmp_path: Path, plan: dict[str, int]
) -> None:
    (tmp_path / "tidy.py").write_text(
        "import atexit, os\nfrom pathlib import Path\nfrom eventqueue import task\n"
        "@task\ndef begin(directory: Path) -> None:\n"
        "    atexit.register((directory / 'done').write_text, str(os.getpid()))\n"
    )
    with stage(imports=("tidy", APP), import_path=(str(tmp_path), ROOT), **plan) as one:
        run = Call(task="tidy.begin", args=[str(tmp_path)])
        one.runner.start("run", msgspec.structs.replace(job("add", 1), run=run))
        assert one.ended().outcome == Returned(None)

    wait_until((tmp_path / "done").exists)
