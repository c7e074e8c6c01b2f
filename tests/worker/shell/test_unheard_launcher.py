"""A launcher that ends before it has heard anything: of what it was given nothing has begun."""

import os
import signal
import socket
import subprocess

import pytest

from eventqueue.worker.shell import orders
from eventqueue.worker.shell.orders import ShellRun
from tests.worker.shell.test_launcher import Shell, state, wait_until


def test_what_a_launcher_was_given_that_is_killed_before_it_hears_anything_has_not_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def spawn_deaf(theirs: socket.socket, name: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(["sleep", "1000"], stdin=theirs.fileno())

    shell = Shell()
    try:
        os.kill(shell.launcher.pid, signal.SIGKILL)
        wait_until(lambda: state(shell.launcher.pid) == "X")
        with monkeypatch.context() as patched:
            patched.setattr(orders, "_spawn_launcher", spawn_deaf)
            shell.launcher.start(ShellRun(key="first", command="true", job_id="job-1", attempt=1))
        os.kill(shell.launcher.pid, signal.SIGKILL)

        ended = shell.ended("first")

        assert ended.no_runner
        assert ended.problem == "The launcher process died before it had heard anything."
        assert shell.run("true").exit_code == 0
    finally:
        shell.launcher.close()
