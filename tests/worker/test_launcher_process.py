import os
import shutil
import subprocess
from pathlib import Path

import pytest

from eventqueue.worker.process import is_alive, kill_marked, start_time, variable


def test_a_process_is_alive_under_its_own_start_time_only() -> None:
    own = start_time(os.getpid())

    assert own is not None
    assert is_alive(os.getpid(), own)
    assert not is_alive(os.getpid(), own + 1)


def test_a_zombie_has_a_start_time_but_is_not_alive() -> None:
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    started = start_time(child.pid)

    assert started is not None
    assert not is_alive(child.pid, started)
    child.wait()
    assert start_time(child.pid) is None


def test_a_program_name_with_brackets_and_spaces_does_not_confuse(tmp_path: Path) -> None:
    program = shutil.copy(shutil.which("sleep") or "", tmp_path / "a) Z (b")
    with subprocess.Popen([program, "1000"]) as child:
        started = start_time(child.pid)

        assert started is not None
        assert is_alive(child.pid, started)
        child.kill()


def test_only_processes_with_the_mark_are_killed() -> None:
    marked = subprocess.Popen(["sleep", "1000"], env={"MARK": "one/two.7"})
    other = subprocess.Popen(["sleep", "1000"], env={"MARK": "one/three.7", "MARK2": "two.7"})

    kill_marked("MARK", "two.")

    assert marked.wait(timeout=20) == -9
    assert other.poll() is None
    other.kill()
    other.wait()


@pytest.mark.parametrize("name", ["MARK", "AR"])
def test_a_variable_is_found_by_its_whole_name(name: str) -> None:
    with subprocess.Popen(["sleep", "1000"], env={"XMARK": "x", "MARK": "1=2", "MAR": ""}) as child:
        assert variable(child.pid, name) == {"MARK": "1=2"}.get(name)
        child.kill()
