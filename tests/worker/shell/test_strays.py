"""What runs leave behind: found by the mark in its environment, and by nothing else."""

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from eventqueue.system.process import variable
from eventqueue.worker.shell.strays import Children, Strays, kill_marked

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


def test_only_processes_with_the_mark_are_killed(sleeper: Sleeper) -> None:
    marked = sleeper(MARK="one/two.7")
    other = sleeper(MARK="one/three.7", MARK2="two.7")

    kill_marked("MARK", "two.")

    assert os.waitid(os.P_PID, marked, os.WEXITED | os.WNOWAIT)
    assert os.waitid(os.P_PID, other, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None


@pytest.mark.parametrize("with_groups", [True, False])
def test_what_has_given_up_its_mark_goes_with_the_leader_of_its_group_only_where_that_is_asked(
    *, with_groups: bool
) -> None:
    gives_up = "(exec env -u MARK sh -c 'echo $$; exec sleep 1000'); true"
    with subprocess.Popen(
        ["sh", "-c", gives_up], env={**os.environ, "MARK": "one/two.7"}, stdout=subprocess.PIPE, start_new_session=True
    ) as shell:
        assert shell.stdout
        process = os.pidfd_open(int(shell.stdout.readline()))

        kill_marked("MARK", "two.", with_groups=with_groups)

        shell.wait()
        is_gone = bool(select.select([process], [], [], 30 if with_groups else 0)[0])
        if not is_gone:
            signal.pidfd_send_signal(process, signal.SIGKILL)
        os.close(process)
    assert is_gone is with_groups


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
        in_its_exec.setattr("eventqueue.worker.shell.strays.variable", lambda *_: None)
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

    monkeypatch.setattr("eventqueue.worker.shell.strays.time", SimpleNamespace(monotonic=lambda: now + 3600))
    strays.hunt({})

    assert (strays.has_unknown, strays.has_doomed) == (False, False)
    assert os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None
