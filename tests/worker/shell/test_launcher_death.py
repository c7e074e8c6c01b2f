"""Whoever dies, stops or loses its lease: nothing that ran for it runs on, and every run has its end told."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest

from eventqueue.system.process import start_time
from eventqueue.worker.running.reports import Ended, Started
from eventqueue.worker.shell import orders
from eventqueue.worker.shell.orders import HANG_COUNT, Launcher, ShellRun
from tests.patience import PATIENCE_S
from tests.worker.shell.test_launcher import (
    IGNORES_TERM,
    Fifo,
    Shell,
    children,
    in_sessions,
    state,
    wait_until,
    wait_until_gone,
)

WORKER = """
import os, sys, time
from eventqueue.worker.running.reports import Ended
from eventqueue.worker.shell.orders import Launcher, ShellRun

def hear(message):
    if isinstance(message, Ended):
        print("lease lost" if message.lease_lost else message, flush=True)

launcher = Launcher(hear)
print(launcher.pid, flush=True)
for number, command in enumerate(sys.argv[2:]):
    launcher.start(ShellRun(key=str(number), command=command, job_id="job-1", attempt=1))
exec(sys.argv[1])
time.sleep(1000)
"""

Worker = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def worker() -> Iterator[Worker]:
    """Start a process that starts the commands given, and does what its first argument says."""
    workers: list[subprocess.Popen[str]] = []

    def start(then: str, *commands: str) -> "subprocess.Popen[str]":
        workers.append(
            subprocess.Popen([sys.executable, "-c", WORKER, then, *commands], stdout=subprocess.PIPE, text=True)
        )
        return workers[-1]

    yield start
    for process in workers:
        process.kill()
        process.communicate()


@pytest.fixture
def shell() -> Iterator[Shell]:
    shell = Shell()
    with shell.launcher:
        yield shell


@pytest.fixture
def ready(tmp_path: Path) -> Iterator[Fifo]:
    fifo = Fifo(tmp_path / "ready")
    yield fifo
    fifo.close()


def line(worker: "subprocess.Popen[str]") -> str:
    assert worker.stdout
    return worker.stdout.readline().strip()


# The worker dies


def test_a_killed_worker_takes_its_launcher_and_all_that_runs_with_it(worker: Worker, ready: Fifo) -> None:
    process = worker("", IGNORES_TERM.format(ready=ready))
    launcher, in_group = int(line(process)), ready.pid()

    process.kill()

    wait_until_gone(in_group)
    wait_until_gone(launcher)


def test_a_killed_worker_takes_what_left_the_groups_with_it(worker: Worker, ready: Fifo) -> None:
    process = worker("", f"setsid -f sh -c 'echo $$ > {ready}; exec sleep 1000'; sleep 1000")
    launcher, stray = int(line(process)), ready.pid()

    process.kill()

    wait_until_gone(stray)
    wait_until_gone(launcher)


def test_a_killed_worker_takes_what_left_the_groups_at_any_depth(worker: Worker, ready: Fifo) -> None:
    process = worker("", f"{in_sessions(5, f'echo $$ > {ready}; exec sleep 1000')}; sleep 1000")
    launcher, stray = int(line(process)), ready.pid()

    process.kill()

    wait_until_gone(stray)
    wait_until_gone(launcher)


def test_a_fork_of_the_worker_that_lives_on_keeps_nothing_alive(worker: Worker, ready: Fifo) -> None:
    process = worker(
        "if os.fork() == 0: print(os.getpid(), flush=True); time.sleep(1000)", f"echo $$ > {ready}; exec sleep 1000"
    )
    launcher, command, fork = int(line(process)), ready.pid(), int(line(process))

    process.kill()

    wait_until_gone(command)
    wait_until_gone(launcher)
    assert state(fork) == "S"
    os.kill(fork, signal.SIGKILL)


def test_closing_kills_and_reports_what_runs() -> None:
    shell = Shell()
    with shell.launcher:
        shell.start("trap '' TERM; sleep 1000; true")
        pid = shell.started().pid

    ended = shell.ended()
    assert (ended.killed, ended.signal, ended.problem) == (True, signal.SIGKILL, None)
    assert (state(pid), state(shell.launcher.pid)) == ("X", "X")
    with pytest.raises(ValueError, match="closed"):
        shell.start("true")


def test_what_asks_the_foreground_to_end_does_not_end_the_launcher(shell: Shell) -> None:
    shell.run("true")
    launcher = shell.launcher.pid
    assert os.getsid(launcher) == launcher

    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(launcher, signum)

    assert shell.run("true").exit_code == 0
    assert shell.launcher.pid == launcher


# The lease passes


def test_the_launcher_ends_the_lease_of_a_worker_that_is_stopped(worker: Worker, ready: Fifo) -> None:
    process = worker("launcher.extend(0.7)", IGNORES_TERM.format(ready=ready))
    launcher, in_group = int(line(process)), ready.pid()

    process.send_signal(signal.SIGSTOP)

    wait_until_gone(in_group)
    assert state(process.pid) == "T"
    assert state(launcher) in "RS"
    process.send_signal(signal.SIGCONT)
    assert line(process) == "lease lost"


def test_what_runs_when_the_lease_passes_is_killed_and_told_so(shell: Shell, ready: Fifo) -> None:
    shell.start(f"setsid -f sh -c 'echo $$ > {ready}; exec sleep 1000'; trap '' TERM; sleep 1000; true")
    stray = ready.pid()

    shell.launcher.extend(0)

    ended = shell.ended()
    assert (ended.lease_lost, ended.signal, ended.killed, ended.timed_out) == (True, signal.SIGKILL, False, False)
    wait_until_gone(stray)


def test_nothing_starts_after_the_lease_until_there_is_one_again(shell: Shell, tmp_path: Path) -> None:
    shell.launcher.extend(0)
    assert shell.run("touch it-ran", cwd=str(tmp_path)) == Ended(key="run", lease_lost=True)
    assert not (tmp_path / "it-ran").exists()

    shell.launcher.extend(PATIENCE_S)
    assert shell.run("true").exit_code == 0


def test_an_extended_lease_does_not_end_at_its_first_deadline(shell: Shell) -> None:
    shell.launcher.extend(1.5)
    shell.start("sleep 2; echo lived")

    shell.launcher.extend(PATIENCE_S)

    assert shell.ended().stdout.tail == b"lived\n"


# The launcher dies


def test_a_killed_launcher_is_reported_by_each_run_and_replaced_by_the_next(shell: Shell) -> None:
    for number in range(3):
        shell.start("sleep 1000", str(number))
    pids = [shell.started(str(number)).pid for number in range(3)]

    os.kill(first := shell.launcher.pid, signal.SIGKILL)

    for number in range(3):
        problem = "The launcher process died, so the command was killed."
        assert shell.ended(str(number)) == Ended(key=str(number), problem=problem)
    for pid in pids:
        wait_until_gone(pid)
    assert shell.run("echo on").stdout.tail == b"on\n"
    assert shell.launcher.pid != first


def test_what_is_ordered_of_a_dead_launcher_before_its_death_is_noticed_runs_in_the_next() -> None:
    heard: SimpleQueue[Started | Ended] = SimpleQueue()
    may_listen = threading.Event()

    def hear(message: Started | Ended) -> None:
        heard.put(message)
        assert may_listen.wait(PATIENCE_S)

    with Launcher(hear) as launcher:
        launcher.start(ShellRun(key="first", command="sleep 1000", job_id="job-1", attempt=1))
        assert isinstance(heard.get(timeout=PATIENCE_S), Started)  # and hears nothing more before it may
        os.kill(dead := launcher.pid, signal.SIGKILL)
        wait_until(lambda: state(dead) in "ZX")

        launcher.start(ShellRun(key="second", command="true", job_id="job-2", attempt=1))

        may_listen.set()
        said = [heard.get(timeout=PATIENCE_S) for _ in range(3)]
    ends = {message.key: message for message in said if isinstance(message, Ended)}
    assert ends["first"].problem
    assert ends["second"].exit_code == 0


def test_a_launcher_that_dies_as_soon_as_it_is_there_is_told_to_who_orders(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spawn_dead(theirs: socket.socket, name: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(["true"], stdin=theirs.fileno())
        process.wait()
        theirs.close()
        return process

    os.kill(shell.launcher.pid, signal.SIGKILL)
    wait_until(lambda: state(shell.launcher.pid) == "X")
    with monkeypatch.context() as patched:
        patched.setattr(orders, "_spawn_launcher", spawn_dead)
        with pytest.raises(OSError, match="died at once"):
            shell.start("true")

    assert shell.run("echo on").stdout.tail == b"on\n"


def test_what_a_killed_launcher_ran_is_gone_before_its_end_is_told(shell: Shell, ready: Fifo) -> None:
    command = IGNORES_TERM.format(ready=ready)
    shell.start(f'setsid -f sh -c "{command.replace("$", chr(92) + "$")}"; sleep 1000')
    stray = ready.pid()
    pid = shell.started().pid

    os.kill(shell.launcher.pid, signal.SIGKILL)

    assert shell.ended().problem
    wait_until_gone(stray)
    wait_until_gone(pid)


def test_a_group_outlives_neither_its_shell_nor_the_launcher(shell: Shell, ready: Fifo) -> None:
    # The shell is gone, its zombie with the launcher, and what is left in the group has given up its mark.
    shell.start(f"(exec env -u QUEUECTL_RUN sh -c 'echo $$ > {ready}; exec sleep 1000'); true")
    unmarked = ready.pid()

    os.kill(shell.launcher.pid, signal.SIGKILL)

    assert shell.ended().problem
    wait_until_gone(unmarked)


def test_a_lease_that_has_passed_binds_the_next_launcher_too(shell: Shell) -> None:
    shell.launcher.extend(0)
    os.kill(shell.launcher.pid, signal.SIGKILL)
    wait_until(lambda: state(shell.launcher.pid) == "X")

    assert shell.run("true").lease_lost


def test_a_launcher_that_hangs_holds_up_nobody_who_orders(shell: Shell) -> None:
    shell.run("true")
    os.kill(shell.launcher.pid, signal.SIGSTOP)
    wait_until(lambda: state(shell.launcher.pid) == "T")

    for number in range(100):
        shell.start(f"echo {number} # {'x' * 100_000}", str(number))
    shell.launcher.extend(PATIENCE_S)

    os.kill(shell.launcher.pid, signal.SIGCONT)
    ends = [shell.ended(str(number)) for number in range(100)]
    assert [(ended.problem, ended.stdout.tail) for ended in ends] == [(None, b"%d\n" % n) for n in range(100)]


def test_an_order_larger_than_the_socket_takes_arrives_once_the_launcher_reads(shell: Shell) -> None:
    shell.run("true")
    os.kill(shell.launcher.pid, signal.SIGSTOP)
    wait_until(lambda: state(shell.launcher.pid) == "T")

    shell.start("echo $A | wc -c", env=dict.fromkeys("ABCDEF", "x" * 120000))

    os.kill(shell.launcher.pid, signal.SIGCONT)
    assert shell.ended().stdout.tail == b"120001\n"


def test_a_launcher_that_hangs_is_killed_when_it_is_closed(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventqueue.worker.shell.orders._CLOSE_WAIT_S", 0.1)
    shell.start("sleep 1000")
    pid = shell.started().pid
    os.kill(shell.launcher.pid, signal.SIGSTOP)

    shell.launcher.close()

    assert shell.ended().problem
    wait_until_gone(pid)


def test_a_launcher_that_no_longer_answers_is_given_up_with_what_it_runs_and_another_takes_its_place(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.worker.shell.orders.HANG_S", 0.05)
    shell.start("sleep 1000")
    pid, launcher = shell.started().pid, shell.launcher.pid
    for _ in range(2 * HANG_COUNT):
        shell.launcher.extend(60.0)  # it answers, and is let live
        time.sleep(0.02)
    os.kill(launcher, signal.SIGSTOP)

    while shell.launcher.pid == launcher and start_time(pid) is not None:
        shell.launcher.extend(60.0)
        time.sleep(0.02)

    assert shell.ended().problem == "The launcher process hung, so the command was killed."
    wait_until_gone(launcher)
    assert shell.run("true").exit_code == 0
    assert shell.launcher.pid != launcher


def test_where_no_thread_is_to_be_had_no_launcher_is_left_and_the_next_start_brings_one(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.kill(shell.launcher.pid, signal.SIGKILL)
    wait_until(lambda: not shell.launcher._connection._thread.is_alive())
    before = children(os.getpid())

    def refusing(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as lacking:
        lacking.setattr(threading.Thread, "start", refusing)
        with pytest.raises(OSError, match="can't start new thread"):
            shell.start("true")

    assert children(os.getpid()) == before
    assert shell.run("true").exit_code == 0


def test_one_that_stood_still_with_its_worker_is_no_hanging_launcher(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.worker.shell.orders.HANG_S", 0.0)
    launcher = shell.launcher.pid
    os.kill(launcher, signal.SIGSTOP)
    for _ in range(HANG_COUNT):
        shell.launcher.extend(60.0)
    os.kill(launcher, signal.SIGCONT)

    assert shell.run("true").exit_code == 0
    for _ in range(2 * HANG_COUNT):
        shell.launcher.extend(60.0)
        assert shell.run("true").exit_code == 0  # which it can only have heard after that
    assert shell.launcher.pid == launcher


# A worker inside a job


def test_a_worker_inside_a_job_dies_with_the_job_and_so_do_its_own_jobs(shell: Shell, ready: Fifo) -> None:
    script = f"import sys; sys.argv[1:] = ['', 'echo $$ > {ready}; exec sleep 1000']; exec({WORKER!r})"
    shell.start('exec "$PYTHON" -c "$SCRIPT"', env={"PYTHON": sys.executable, "SCRIPT": script})
    inner = ready.pid()

    shell.launcher.kill("run", grace_s=0)

    assert shell.ended().killed
    wait_until_gone(inner)
    wait_until(lambda: children(shell.launcher.pid) == [])
