"""The process that runs a task dies: its own attempt is over, told in words; nobody else's is."""

import os
import signal
from pathlib import Path

import pytest

from eventqueue.tasks.outcomes import Returned
from eventqueue.worker.crashes import where
from eventqueue.worker.python import forkserver, hands
from eventqueue.worker.python.deaths import crash
from eventqueue.worker.python.pool import TRIES_MAX
from eventqueue.worker.running.reports import Ended
from tests.worker.python import app
from tests.worker.python.stage import Stage, few_descriptors, pid_in, stage
from tests.worker.stage import wait_until


@pytest.mark.parametrize(
    ("task", "args", "how"),
    [
        ("segfault", (), "was killed by SIGSEGV."),
        ("exits_at_once", (3,), "ended by itself, with exit code 3."),
        ("exits_at_once", (0,), "ended by itself, with exit code 0."),
        ("kills_itself", (), "was killed by SIGKILL: by the kernel, perhaps, since memory had run out."),
        ("writes_everywhere", (), "was killed: a task had written into a descriptor that was not its own."),
        ("forges", (), "was killed: a task had written into a descriptor that was not its own."),
        ("closes_all", (), "ended by itself, with exit code 70."),
    ],
)
def test_a_death_is_told_of_the_task_that_had_begun_and_the_others_go_on(
    one: Stage, task: str, args: tuple[int, ...], how: str
) -> None:
    one.start("add", 1, key="before")
    one.start(task, *args, key="dies")
    one.start("add", 2, key="behind")

    ended = one.ended("dies")

    assert (ended.problem or "").startswith(f"The process that ran it {how}")
    assert (ended.outcome, ended.unharmed, ended.killed) == (None, None, False)
    assert (one.ended("before").outcome, one.ended("behind").outcome) == (Returned(2), Returned(3))


def test_all_that_had_begun_are_told_of_since_any_may_be_to_blame(tmp_path: Path) -> None:
    with stage(threads=2) as two:
        two.start("stay", tmp_path / "there", key="beside")
        pid_in(tmp_path / "there")

        ended = two.run("segfault")

        assert ended.problem == "The process that ran it and another job was killed by SIGSEGV."
        assert two.ended("beside").problem == ended.problem


def test_what_a_task_had_printed_before_its_process_died_is_kept_and_where_it_was(one: Stage) -> None:
    ended = one.run("prints_and_dies", 70_000)

    assert ended.stdout.total == 70_000 + len("the end\nby descriptor\n")
    assert ended.stdout.tail.endswith(b"xxthe end\nby descriptor\n")
    assert len(ended.stdout.tail) == 64 * 1024
    assert b"Segmentation fault" in ended.stderr.tail
    told = where(ended.stderr.tail) or ""
    user, _, libraries = told.partition("  in libraries:\n")
    assert user.splitlines()[-1].startswith(f'  File "{app.__file__}", line ')
    assert user.endswith(" in prints_and_dies\n")
    assert "ctypes" in libraries
    assert "eventqueue/worker" not in told
    assert one.run("add", 1).stdout.total == 0


def test_of_several_others_their_number_is_told() -> None:
    assert crash(signal.SIGSEGV, 3) == "The process that ran it and 3 other jobs was killed by SIGSEGV."


def test_a_task_that_kills_each_child_before_it_begins_is_not_tried_for_ever(tmp_path: Path) -> None:
    (tmp_path / "deadly.py").write_text("import os\nos.register_at_fork(after_in_child=lambda: os._exit(9))\n")
    from tests.worker.python.stage import APP, ROOT

    with stage(imports=("deadly", APP), import_path=(str(tmp_path), ROOT)) as one:
        ended = one.run("add", 1)

    assert ended.no_runner
    assert "3 processes that were to run" in (ended.problem or "")


def test_what_waited_behind_runs_that_were_ended_on_purpose_has_not_been_tried(tmp_path: Path) -> None:
    with stage() as one:
        ended_ones = [f"ended-{number}" for number in range(TRIES_MAX)]
        for key in ended_ones:
            one.start("stay", tmp_path / key, key=key)
        one.start("add", 1, key="behind")

        for key in ended_ones:
            pid_in(tmp_path / key)
            one.runner.kill(key, 0.0)
            assert one.ended(key).killed

        assert one.ended("behind").outcome == Returned(2)


def test_where_no_process_can_be_had_for_a_while_what_waits_is_handed_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hands, "FORK_AGAIN_S", 0.1)
    monkeypatch.setattr(hands, "GIVE_UP_S", 0.3)
    with stage() as one:
        child = one.value("pid")
        with few_descriptors(-10):
            os.kill(child, signal.SIGKILL)
            wait_until(lambda: not Path(f"/proc/{child}").exists())
            one.start("add", 1, key="first")
            one.start("add", 1, key="second")

            ended = one.ended("first")

            assert ended.no_runner
            assert "(Too many open files): 2 jobs handed back" in (ended.problem or "")
            assert one.ended("second").no_runner
        assert one.run("add", 1).outcome == Returned(2)  # once there are some again


def test_when_the_fork_server_dies_its_children_do_and_another_takes_over(tmp_path: Path) -> None:
    with stage() as one:
        one.value("leaves_something", tmp_path / "left")
        left = pid_in(tmp_path / "left")
        one.start("stay", tmp_path / "there", key="runs")
        child = pid_in(tmp_path / "there")
        one.start("add", 1, key="waits")
        server = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])

        os.kill(server, signal.SIGKILL)

        assert one.ended("runs").problem == "The fork server of its worker died, and the process that ran it with it."
        assert one.ended("waits").outcome == Returned(2)
        wait_until(lambda: not Path(f"/proc/{child}").exists() and not Path(f"/proc/{left}").exists())


def test_where_the_next_fork_server_cannot_import_what_waits_is_told_that_it_cannot_run_here(tmp_path: Path) -> None:
    (tmp_path / "fleeting.py").write_text("import time\n")
    with stage(imports=("fleeting", "tests.worker.python.app"), import_path=(str(tmp_path), str(Path.cwd()))) as one:
        child = one.value("pid")
        server = int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[1])
        (tmp_path / "fleeting.py").write_text("raise OSError('half a deploy')\n")

        os.kill(server, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{child}").exists())
        ended = one.run("add", 1)

        assert ended.no_runner
        assert "half a deploy" in (ended.problem or "")


def test_a_child_that_is_killed_while_it_has_nothing_to_do_is_replaced(one: Stage) -> None:
    pid = one.value("pid")

    os.kill(pid, signal.SIGKILL)

    wait_until(lambda: one.value("pid") != pid)


def test_a_fork_server_that_hangs_is_killed_and_another_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forkserver, "HANG_S", 0.1)
    monkeypatch.setattr(forkserver, "HANG_COUNT", 2)
    with stage() as one:
        one.start("stay", tmp_path / "there", key="runs")
        server = int(Path(f"/proc/{pid_in(tmp_path / 'there')}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(server, signal.SIGSTOP)

        def extended() -> bool:
            one.runner.extend(60.0)
            return one.said(Ended) > 0

        wait_until(extended)

        assert one.ended("runs").problem == "The fork server of its worker died, and the process that ran it with it."
        assert one.value("add", 1) == 2
