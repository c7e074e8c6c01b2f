"""Starting processes, and telling who lives and whose it is."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eventqueue.worker.shell.process import Children, Strays, is_alive, kill_marked, start_time, variable

Sleeper = Callable[..., int]


@pytest.fixture
def sleeper() -> Iterator[Sleeper]:
    """Start a process with just this environment; return its pid once it shows it."""
    children: list[subprocess.Popen[bytes]] = []

    def start(**env: str) -> int:
        children.append(subprocess.Popen(["cat"], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        stdin, stdout = children[-1].stdin, children[-1].stdout
        assert stdin
        assert stdout
        stdin.write(b"up\n")
        stdin.flush()
        stdout.readline()
        return children[-1].pid

    yield start
    for child in children:
        child.kill()
        child.communicate()


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


def test_only_processes_with_the_mark_are_killed(sleeper: Sleeper) -> None:
    marked = sleeper(MARK="one/two.7")
    other = sleeper(MARK="one/three.7", MARK2="two.7")

    kill_marked("MARK", "two.")

    assert os.waitid(os.P_PID, marked, os.WEXITED | os.WNOWAIT)
    assert os.waitid(os.P_PID, other, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None


def test_a_variable_is_found_by_its_whole_name(sleeper: Sleeper) -> None:
    pid = sleeper(XMARK="x", MARK="1=2", MAR="")

    assert variable(pid, "MARK") == "1=2"
    assert variable(pid, "MAR") == ""
    assert variable(pid, "ARK") is None


def test_a_process_that_is_gone_has_no_variables(sleeper: Sleeper) -> None:
    pid = sleeper(MARK="1")
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

    assert variable(pid, "MARK") is None


def test_a_stray_that_shows_no_mark_yet_is_looked_at_again_for_a_while(
    sleeper: Sleeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = sleeper(MARK="ours.1")
    strays = Strays(Children(), "MARK", "ours.")
    with monkeypatch.context() as in_its_exec:
        in_its_exec.setattr("eventqueue.worker.shell.process.variable", lambda *_: None)
        strays.hunt({})
    assert (strays.has_unknown, strays.has_doomed) == (True, False)

    strays.hunt({})

    assert strays.has_doomed
    assert os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


def test_a_stray_without_a_mark_is_let_go_in_the_end(sleeper: Sleeper, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    pid = sleeper(MARK="others.1")
    strays = Strays(Children(), "MARK", "ours.")
    strays.hunt({})

    monkeypatch.setattr(time, "monotonic", lambda: now + 3600)
    strays.hunt({})

    assert (strays.has_unknown, strays.has_doomed) == (False, False)
    assert os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None
