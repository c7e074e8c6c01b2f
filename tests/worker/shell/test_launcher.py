"""What a command is given, what comes back of it, and what it cannot do to the others."""

import ctypes
import os
import re
import select
import shlex
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from eventqueue.system.process import PRIVATE, is_alive, start_time
from eventqueue.worker.running.reports import Ended, Started, Written
from eventqueue.worker.running.runner import KILL_GRACE_S
from eventqueue.worker.shell import orders
from eventqueue.worker.shell.orders import Launcher, ShellRun
from tests.patience import PATIENCE_S

README = Path(__file__).parents[3] / "README.md"

IGNORES_TERM = "trap '' TERM; sleep 1000 & echo $! > {ready}; while :; do wait; done"


def in_sessions(depth: int, command: str) -> str:
    """Return a command that leaves `command` running below that many processes, each in a session of its own."""
    for _ in range(depth):
        command = f"setsid sh -c {shlex.quote(command + '; true')}"
    return command.replace("setsid", "setsid -f", 1)


class Shell:
    """A launcher, and all that it has said."""

    def __init__(self) -> None:
        self._messages: list[Started | Ended] = []
        self._heard = threading.Condition()
        self.launcher = Launcher(self._hear)

    def _hear(self, message: Started | Ended) -> None:
        with self._heard:
            self._messages.append(message)
            self._heard.notify_all()

    def start(self, command: str, key: str = "run", **fields: Any) -> None:
        self.launcher.start(ShellRun(key=key, command=command, **{"job_id": "job-1", "attempt": 1, **fields}))

    def run(self, command: str, key: str = "run", **fields: Any) -> Ended:
        self.start(command, key, **fields)
        return self.ended(key)

    def started(self, key: str = "run") -> Started:
        """Wait for the next `Started` of `key`, and take it."""
        message = self._take(Started, key)
        assert isinstance(message, Started)
        return message

    def ended(self, key: str = "run") -> Ended:
        message = self._take(Ended, key)
        assert isinstance(message, Ended)
        return message

    def said(self, kind: type) -> int:
        """Return how many such messages came that nobody has taken."""
        return sum(isinstance(message, kind) for message in self._messages)

    def _take(self, kind: type, key: str) -> Started | Ended:
        def find() -> Started | Ended | None:
            return next((m for m in self._messages if isinstance(m, kind) and m.key == key), None)

        with self._heard:
            assert self._heard.wait_for(find, PATIENCE_S), f"no {kind.__name__} of {key}: {self._messages}"
            message = find()
            assert message
            self._messages.remove(message)
            return message


class Fifo:
    """Where a command says, with a word such as a pid, that it has come so far, or waits for the test to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._fd = os.open(path, os.O_RDWR)  # for writing too, so that it has no end of file

    def __str__(self) -> str:
        return str(self.path)

    def word(self) -> str:
        assert select.select([self._fd], [], [], PATIENCE_S)[0], "nobody wrote to the fifo"
        return os.read(self._fd, 1000).decode().strip()

    def pid(self) -> int:
        return int(self.word())

    def say(self, word: str) -> None:
        os.write(self._fd, word.encode() + b"\n")

    def close(self) -> None:
        os.close(self._fd)


def executable(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def wait_until_gone(pid: int) -> None:
    """Return once `pid` has ended; fail if it does not."""
    with suppress(ProcessLookupError):
        process = os.pidfd_open(pid)
        try:
            assert select.select([process], [], [], PATIENCE_S)[0], f"process {pid} still runs"
        finally:
            os.close(process)


def wait_until(holds: Callable[[], bool]) -> None:
    """Return once `holds`, of something in /proc, which tells nobody when it changes."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.005)


def state(pid: int) -> str:
    """Return the letter for the state of a process, X if there is none."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return "X"


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def descriptors(shell: Shell) -> int:
    return len(os.listdir(f"/proc/{shell.launcher.pid}/fd"))


def pipes(shell: Shell) -> set[int]:
    """Return the numbers under which the launcher has pipes open."""
    folder = Path(f"/proc/{shell.launcher.pid}/fd")
    return {int(fd.name) for fd in folder.iterdir() if os.readlink(fd).startswith("pipe:")}


def taken(pid: int, fd: int) -> int:
    """Return a descriptor of our own for what process `pid` has open as `fd`: not a copy but the same."""
    pidfd_getfd = 438  # Python has no name for it
    process = os.pidfd_open(pid)
    ours = ctypes.CDLL(None, use_errno=True).syscall(pidfd_getfd, process, fd, 0)
    os.close(process)
    if ours < 0:
        pytest.skip(f"taking a descriptor of another process: {os.strerror(ctypes.get_errno())}")
    return int(ours)


def memory_peak_kib(shell: Shell) -> int:
    status = Path(f"/proc/{shell.launcher.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


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


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Fifo]:
    fifo = Fifo(tmp_path / "gate")
    yield fifo
    fifo.close()


# What a command is given


def test_the_environment_is_the_workers_under_the_jobs_under_the_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OF_WORKER", "worker")
    monkeypatch.setenv("OF_BOTH", "worker")
    shell = Shell()
    with shell.launcher:
        ended = shell.run(
            'echo "$OF_WORKER $OF_BOTH $OF_JOB $QUEUECTL_JOB_ID $QUEUECTL_ATTEMPT"',
            env={"OF_BOTH": "job", "OF_JOB": "grüße", "QUEUECTL_JOB_ID": "forged"},
            job_id="job-7",
            attempt=3,
        )

    assert ended.stdout.tail.decode() == "worker job grüße job-7 3\n"


def test_a_command_runs_in_its_directory_and_the_next_one_in_the_workers(shell: Shell, tmp_path: Path) -> None:
    assert shell.run("pwd", cwd=str(tmp_path)).stdout.tail.decode() == f"{tmp_path}\n"
    assert os.readlink(f"/proc/{shell.launcher.pid}/cwd") == str(Path.cwd())
    assert shell.run("pwd").stdout.tail.decode() == f"{Path.cwd()}\n"


def test_stdin_is_empty(shell: Shell) -> None:
    assert shell.run("cat; echo end").stdout.tail == b"end\n"


def test_a_command_leads_a_session_and_a_group_of_its_own(shell: Shell) -> None:
    ended = shell.run("cut -d ' ' -f 1,5,6 /proc/$$/stat")

    pid = shell.started().pid
    assert ended.stdout.tail.decode().split() == [str(pid)] * 3


def test_a_command_inherits_no_descriptor(shell: Shell, ready: Fifo) -> None:
    shell.start(f"echo up > {ready}; sleep 1000", "other")
    ready.word()

    # The fourth is the directory that `ls` reads.
    assert shell.run("exec ls /proc/self/fd").stdout.tail.split() == [b"0", b"1", b"2", b"3"]


def test_a_command_starts_with_no_signal_ignored_or_blocked() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGCHLD])
    try:
        shell = Shell()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1, signal.SIGCHLD])
        signal.signal(signal.SIGHUP, before)
    with shell.launcher:
        ended = shell.run("exec grep -E '^Sig(Ign|Blk)' /proc/self/status")

    masks = [int(line.split()[1], 16) for line in ended.stdout.tail.splitlines()]
    assert len(masks) == 2
    # Not 32 and 33, which are glibc's own: its posix_spawn leaves them ignored.
    assert not [n for n in signal.valid_signals() for mask in masks if mask & 1 << (n - 1)]


def test_a_command_may_be_any_text(shell: Shell) -> None:
    assert shell.run("printf '%s' '🎈 \"ü\"\n\\'").stdout.tail.decode() == '🎈 "ü"\n\\'


# What comes back


@pytest.mark.parametrize("code", [0, 3, 255])
def test_the_exit_code_is_the_shells(shell: Shell, code: int) -> None:
    ended = shell.run(f"exit {code}")

    assert (ended.exit_code, ended.signal, ended.problem) == (code, None, None)
    assert (ended.timed_out, ended.killed, ended.lease_lost) == (False, False, False)


@pytest.mark.parametrize("line", ["-n foo", "+x", "-", "--", "--help", "-c 'echo ran'"])
def test_a_line_is_run_as_it_is_whatever_it_begins_with(shell: Shell, tmp_path: Path, line: str) -> None:
    (tmp_path / shlex.split(line)[0]).symlink_to("/bin/echo")

    ended = shell.run(line, env={"PATH": str(tmp_path)})

    assert (ended.exit_code, ended.stdout.tail) == (0, (" ".join(shlex.split(line)[1:]) + "\n").encode())


def test_a_command_that_is_not_found_is_reported_by_the_shell_itself(shell: Shell) -> None:
    ended = shell.run("no-such-command-anywhere")

    assert ended.exit_code == 127
    assert b"not found" in ended.stderr.tail


def test_death_by_a_signal_is_no_exit_code(shell: Shell) -> None:
    ended = shell.run("kill -SEGV $$")

    assert (ended.exit_code, ended.signal) == (None, signal.SIGSEGV)


def test_stdout_and_stderr_are_kept_apart(shell: Shell) -> None:
    ended = shell.run("echo out; echo error >&2; echo put")

    assert (ended.stdout.tail, ended.stderr.tail) == (b"out\nput\n", b"error\n")


def test_bytes_that_are_no_text_are_kept_as_they_are(shell: Shell) -> None:
    assert shell.run(r"printf '\377\000\303'").stdout.tail == b"\xff\x00\xc3"


def test_the_process_that_started_is_named_by_pid_and_the_bounds_of_its_start_time(shell: Shell) -> None:
    for number in range(50):  # over several clock ticks
        shell.start("sleep 1000", f"run-{number}")

    for number in range(50):
        started = shell.started(f"run-{number}")
        earliest, latest = started.begun
        exact = start_time(started.pid)
        assert exact is not None
        assert earliest <= exact <= latest
        assert is_alive(started.pid, *started.begun)


@pytest.mark.parametrize(
    ("cwd", "sentence"),
    [
        ("/no/such", "The directory '/no/such' does not exist on the worker's host."),
        ("/etc/passwd", "The directory '/etc/passwd' is not a directory on the worker's host."),
        ("/tm\0p", "The directory '/tm\\x00p' cannot be entered: embedded null byte."),
    ],
)
def test_a_directory_that_cannot_be_entered_is_a_problem_of_that_run_alone(
    shell: Shell, cwd: str, sentence: str
) -> None:
    ended = shell.run("pwd", cwd=cwd)

    assert (ended.problem, ended.exit_code, ended.signal) == (sentence, None, None)
    assert shell.said(Started) == 0
    assert shell.run("pwd").stdout.tail.decode() == f"{Path.cwd()}\n"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"command": "#" * 200_000}, "too long"),
        ({"command": "true \0"}, "null"),
        ({"command": "true \ud800"}, "surrogates"),
        ({"command": "true", "env": {"A=B": "c"}}, "environment variable name"),
        ({"command": "true", "env": {"A": "b" * 200_000}}, "too long"),
    ],
)
def test_what_no_shell_can_be_given_is_a_problem_of_that_run_alone(
    shell: Shell, fields: dict[str, Any], sentence: str
) -> None:
    shell.run("true")
    before = descriptors(shell)

    ended = shell.run(**fields)

    assert sentence in (ended.problem or "")
    assert shell.run("true").exit_code == 0
    assert descriptors(shell) == before


def test_a_command_is_not_told_how_its_worker_reaches_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PRIVATE:
        monkeypatch.setenv(name, "mongodb://ann:secret-word@db")
    shell = Shell()
    with shell.launcher:
        grep = "grep -e secret-word -e QUEUECTL_URI"
        told = shell.run(f"(env; tr '\\0' '\\n' < /proc/$PPID/environ) | {grep}").stdout.tail
        asked = shell.run("echo $QUEUECTL_URI", env={"QUEUECTL_URI": "mongodb://other"}).stdout.tail

    assert (told, asked) == (b"", b"mongodb://other\n")


def test_undecodable_bytes_in_the_environment_reach_the_command(shell: Shell) -> None:
    assert shell.run("printf %s $NAME", env={"NAME": os.fsdecode(b"\xff")}).stdout.tail == b"\xff"


# Output


def test_the_end_of_a_long_output_is_kept(shell: Shell) -> None:
    ended = shell.run("seq 1 100000; seq 1 50000 >&2")

    everything = "".join(f"{number}\n" for number in range(1, 100_001)).encode()
    assert ended.stdout.tail == everything[-65536:]
    assert ended.stdout.total == len(everything)
    assert ended.stderr.tail.endswith(b"\n49999\n50000\n")


def test_a_flood_of_output_takes_no_memory(shell: Shell) -> None:
    shell.run("head -c 1M /dev/zero")
    before = memory_peak_kib(shell)

    ended = shell.run("head -c 300M /dev/zero; head -c 300M /dev/zero >&2")

    assert (ended.stdout.total, ended.stderr.total) == (300 << 20, 300 << 20)
    assert memory_peak_kib(shell) - before < 1024


def test_a_flood_without_end_starves_nobody(shell: Shell) -> None:
    shell.start("exec cat /dev/zero", "flood")

    assert [shell.run("echo hello").stdout.tail for _ in range(20)] == [b"hello\n"] * 20

    shell.launcher.kill("flood")
    assert shell.ended("flood").stdout.total > 65536


def test_no_output_is_lost_however_short_the_command_lives(shell: Shell) -> None:
    for number in range(300):
        shell.start(f"echo {number} # {'x' * 20_000}", str(number))

    assert [int(shell.ended(str(number)).stdout.tail or -1) for number in range(300)] == list(range(300))


def test_a_pipe_that_something_holds_beyond_its_run_hides_nobodys_end(shell: Shell, gate: Fifo) -> None:
    shell.run("true", "first")
    before = pipes(shell)
    shell.start(f"read word < {gate}")
    shell.started()
    # As a child does that is in the middle of its exec, but for long.
    held = [taken(shell.launcher.pid, fd) for fd in pipes(shell) - before]
    gate.say("go")
    shell.ended()

    shell.start("exec sleep 1000", "next", timeout_s=0.01)  # the numbers of its pipes are those of the run before
    assert shell.ended("next").timed_out

    assert len(held) == 2
    for fd in held:
        os.close(fd)


def test_what_prints_its_last_line_when_it_sees_the_shell_end_is_heard(shell: Shell, tmp_path: Path) -> None:
    # As a script does that ends with `exec > >(tee log)`: the shell does not wait for its tee.
    ended = shell.run("mkfifo pipe; (cat pipe; sleep 0.03; echo late) & exec 3> pipe; echo early", cwd=str(tmp_path))

    assert ended.stdout.tail == b"early\nlate\n"


# What is left behind


@pytest.mark.parametrize("output", ["", "> /dev/null 2>&1"])
def test_what_a_command_leaves_in_its_group_ends_with_it(shell: Shell, ready: Fifo, output: str) -> None:
    ended = shell.run(f"sleep 1000 {output} & echo $! > {ready}; exit 5")

    assert ended.exit_code == 5
    wait_until_gone(ready.pid())


def test_what_gave_up_its_mark_but_not_its_group_ends_with_the_command(shell: Shell, ready: Fifo, gate: Fifo) -> None:
    shell.start(f"env -u QUEUECTL_RUN sh -c 'echo $$ > {ready}; exec sleep 1000' & read line < {gate}")
    unmarked = ready.pid()

    gate.say("go")

    assert shell.ended().exit_code == 0
    wait_until_gone(unmarked)


@pytest.mark.parametrize("output", ["", "> /dev/null 2>&1"])
def test_what_left_the_group_is_found_and_ends_with_the_command(
    shell: Shell, ready: Fifo, gate: Fifo, output: str
) -> None:
    shell.start(f"setsid -f sh -c 'echo $$ > {ready}; exec sleep 1000' {output}; read line < {gate}; exit 5")
    stray = ready.pid()
    assert state(stray) != "X"

    gate.say("go")

    assert shell.ended().exit_code == 5
    wait_until_gone(stray)


def test_a_stray_ends_with_its_own_command_not_with_anothers(shell: Shell, ready: Fifo) -> None:
    shell.start(f"setsid -f sh -c 'echo $$ > {ready}; exec sleep 1000'; sleep 1000")
    stray = ready.pid()

    shell.run("true", "other")
    assert shell.run(f"kill -0 {stray}", "probe").exit_code == 0

    shell.launcher.kill("run", grace_s=0)
    wait_until_gone(stray)


def test_what_gave_up_its_mark_may_outlive_its_job(shell: Shell, ready: Fifo, gate: Fifo) -> None:
    shell.start(f"env -u QUEUECTL_RUN setsid -f sh -c 'echo $$ > {ready}; exec sleep 1000'; read line < {gate}")
    survivor = ready.pid()

    gate.say("go")
    shell.ended()
    shell.run("true", "another end, another hunt")

    assert state(survivor) in "RS"
    os.kill(survivor, signal.SIGKILL)


def recipe_for_daemons() -> str:
    """Return the command line by which, as README says, a job starts `my-daemon`."""
    (recipe,) = re.findall(r"`(env -u QUEUECTL_RUN [^`]*my-daemon[^`]*)`", README.read_text())
    return str(recipe)


@pytest.mark.parametrize("setsid", ["as it is", "slow"])
def test_of_a_hundred_daemons_started_by_readmes_recipe_all_outlive_job_and_worker(
    tmp_path: Path, ready: Fifo, setsid: str
) -> None:
    real = shutil.which("setsid")
    executable(tmp_path / "setsid", f'{"sleep 0.1; " if setsid == "slow" else ""}exec {real} "$@"')
    executable(tmp_path / "my-daemon", f"echo $$ > {ready}; exec sleep 1000")
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    pids: list[int] = []
    shell = Shell()
    try:
        with shell.launcher:
            for number in range(100):
                shell.start(recipe_for_daemons(), f"run-{number}", env=env)
            ends = [shell.ended(f"run-{number}") for number in range(100)]
            while len(pids) < 100:
                pids += map(int, ready.word().split())

        assert [ended.exit_code for ended in ends] == [0] * 100
        assert [state(pid) for pid in pids if state(pid) not in "RS"] == []
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_orphans_of_a_running_command_do_not_pile_up_as_zombies(shell: Shell, ready: Fifo) -> None:
    shell.start(f"for i in $(seq 30); do (sleep 0 &); done; echo done > {ready}; sleep 1000")
    ready.word()

    pid = shell.started().pid
    wait_until(lambda: children(shell.launcher.pid) == [pid])


# Ending before the end


def test_a_timeout_asks_first(shell: Shell) -> None:
    ended = shell.run("trap 'echo bye; exit 4' TERM; sleep 1000 & wait", timeout_s=0.3)

    assert (ended.timed_out, ended.exit_code, ended.stdout.tail) == (True, 4, b"bye\n")


def test_a_timeout_ends_what_does_not_listen_and_its_children(shell: Shell, ready: Fifo) -> None:
    ended = shell.run(IGNORES_TERM.format(ready=ready), timeout_s=0.3)

    assert (ended.timed_out, ended.signal, ended.killed) == (True, signal.SIGKILL, False)
    wait_until_gone(ready.pid())


def test_a_command_that_ends_in_time_has_not_timed_out(shell: Shell) -> None:
    assert not shell.run("true", timeout_s=1e12).timed_out


def test_a_kill_ends_what_does_not_listen_and_its_children(shell: Shell, ready: Fifo) -> None:
    shell.start(IGNORES_TERM.format(ready=ready))
    grandchild = ready.pid()

    shell.launcher.kill("run")

    ended = shell.ended()
    assert (ended.killed, ended.signal, ended.timed_out) == (True, signal.SIGKILL, False)
    assert KILL_GRACE_S < 2
    wait_until_gone(grandchild)


def test_a_kill_ends_what_left_the_group_at_any_depth(shell: Shell, ready: Fifo) -> None:
    shell.start(f"{in_sessions(5, f'echo $$ > {ready}; exec sleep 1000')}; sleep 1000")
    stray = ready.pid()

    shell.launcher.kill("run", grace_s=0)

    assert shell.ended().killed
    wait_until_gone(stray)


def test_a_child_may_use_the_grace_that_its_shell_does_not_need(shell: Shell, ready: Fifo) -> None:
    saving = f"trap 'sleep 0.3; echo saved; exit' TERM; echo up > {ready}; sleep 1000 > /dev/null 2>&1 & wait"
    shell.start(f'sh -c "{saving}"; true')
    ready.word()

    shell.launcher.kill("run", grace_s=PATIENCE_S)

    ended = shell.ended()
    assert (ended.signal, ended.stdout.tail) == (signal.SIGTERM, b"saved\n")


def test_a_stopped_command_hears_a_kill(shell: Shell) -> None:
    shell.start("trap 'exit 9' TERM; kill -STOP $$; while :; do sleep 0.01; done")
    pid = shell.started().pid
    wait_until(lambda: state(pid) == "T")

    shell.launcher.kill("run", grace_s=PATIENCE_S)

    assert shell.ended().exit_code == 9


def test_killing_what_does_not_run_is_no_harm(shell: Shell) -> None:
    shell.launcher.kill("never was")

    assert shell.run("true").exit_code == 0


# Many


def test_two_hundred_commands_run_at_once_and_leave_nothing(shell: Shell, gate: Fifo) -> None:
    shell.run("true")
    before = descriptors(shell)
    for number in range(200):
        shell.start(f"echo {number}; read line < {gate}; exit {number % 7}", str(number))
    for number in range(200):
        shell.started(str(number))
    assert shell.said(Ended) == 0

    for _ in range(200):
        gate.say("go")
    ends = [shell.ended(str(number)) for number in range(200)]

    assert [int(ended.stdout.tail) for ended in ends] == list(range(200))
    assert [ended.exit_code for ended in ends] == [number % 7 for number in range(200)]
    assert descriptors(shell) == before
    assert children(shell.launcher.pid) == []


def test_a_key_names_one_run_at_a_time(shell: Shell) -> None:
    shell.start("sleep 1000")
    with pytest.raises(ValueError, match="has not ended"):
        shell.start("true")

    shell.launcher.kill("run")
    shell.ended()
    assert shell.run("true").exit_code == 0


def test_a_callback_may_start_the_next_run_and_may_fail(caplog: pytest.LogCaptureFixture) -> None:
    ends: list[str] = []
    is_done = threading.Event()

    def hear(message: Started | Ended) -> None:
        if isinstance(message, Ended):
            ends.append(message.key)
            if len(ends) == 3:
                is_done.set()
            launcher.start(ShellRun(key="again", command="true", job_id="job-1", attempt=1))
            raise RuntimeError("out of order")

    with Launcher(hear) as launcher:
        launcher.start(ShellRun(key="first", command="true", job_id="job-1", attempt=1))
        assert is_done.wait(PATIENCE_S)

    assert ends[:3] == ["first", "again", "again"]
    assert "on_message failed for run first" in caplog.text


def test_what_a_command_has_written_so_far_can_be_asked_while_it_runs(
    shell: Shell, ready: Fifo, gate: Fifo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "ANSWER_S", PATIENCE_S)
    assert shell.launcher.so_far("run") is None
    shell.start(f"echo out; echo err >&2; echo > {ready.path}; read word < {gate.path}; echo more")
    shell.started()
    ready.word()

    assert shell.launcher.so_far("run") == (Written(b"out\n", 4), Written(b"err\n", 4))
    assert shell.launcher.so_far("another") is None

    gate.say("go")
    assert shell.ended().stdout == Written(b"out\nmore\n", 9)
    assert shell.launcher.so_far("run") is None


@pytest.mark.parametrize("end", [lambda one: one.kill("run", 0), lambda one: os.kill(one.pid, signal.SIGKILL)])
def test_who_asks_what_a_command_has_written_does_not_wait_for_one_that_ends_meanwhile(
    shell: Shell, ready: Fifo, end: Callable[[Launcher], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "ANSWER_S", PATIENCE_S)
    shell.start(f"echo out; echo > {ready}; sleep 1000")
    shell.started()
    ready.word()
    os.kill(shell.launcher.pid, signal.SIGSTOP)  # so that the question is there before its end
    answers: list[object] = []
    asking = threading.Thread(target=lambda: answers.append(shell.launcher.so_far("run")))
    asking.start()
    end(shell.launcher)
    with suppress(ProcessLookupError):
        os.kill(shell.launcher.pid, signal.SIGCONT)
    shell.ended()

    asking.join(PATIENCE_S / 2)

    assert answers in ([None], [(Written(b"out\n", 4), Written(b"", 0))])
