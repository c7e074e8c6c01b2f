"""The servers that tests of applications are given, when those tests are killed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eventqueue.system.process import is_alive, start_time
from tests.projections.stage import await_that

pytestmark = pytest.mark.faults


def test_a_local_server_ends_with_tests_that_are_killed(tmp_path: Path) -> None:
    code = (
        "import os, sys; from eventqueue.testing import servers; from pymongo import MongoClient\n"
        "with servers.serving(os.environ) as uri:\n"
        "    print(MongoClient(uri).admin.command('serverStatus')['pid'], flush=True); sys.stdin.read()"
    )
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    tests = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
    )
    assert tests.stdout is not None
    pid = int(tests.stdout.readline())
    started = start_time(pid)
    assert started is not None

    with tests:
        tests.kill()

    await_that(lambda: not is_alive(pid, started) and not list(tmp_path.glob("eq-*")))
