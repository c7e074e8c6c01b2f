"""Telling who lives: by pid and start time."""

import os
import shutil
import subprocess
from pathlib import Path

from eventqueue.system.process import is_alive, start_time


def test_a_process_is_alive_under_its_own_start_time_only() -> None:
    own = start_time(os.getpid())

    assert own is not None
    assert is_alive(os.getpid(), own)
    assert not is_alive(os.getpid(), own + 1)
    assert is_alive(os.getpid(), own - 1, own + 1)
    assert not is_alive(os.getpid(), own - 2, own - 1)


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
        lives = started is not None and is_alive(child.pid, started)
        child.kill()

    assert lives
