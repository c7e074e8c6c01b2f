"""Handlers of signals take no lock: whatever the main thread holds when one comes, it goes on."""

import ast
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from eventqueue.system.interrupts import once
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
SIGNALS = 3000
PACKAGES = ("eventqueue", "projections")
HARMLESS = {"SIG_IGN", "SIG_DFL", "default_int_handler"}
OWN = {
    "eventqueue/system/interrupts.py",
    "eventqueue/worker/shell/launcher.py",
    "eventqueue/worker/python/zygote.py",
    "eventqueue/worker/python/child.py",
}  # the mechanism, and those that do nothing

# An engine's inbox in the main thread, as busy as can be, and a stop that is asked for by a flood of signals.
FLOODED = """
import os, signal, sys, threading, time
from eventqueue.system.interrupts import on_signals
from eventqueue.worker.inbox import Inbox, Stop
from eventqueue.worker.running.reports import Ended
inbox = Inbox()
stopped = threading.Event()
heard = 0
on_signals([signal.SIGTERM], lambda: (inbox.put(Stop(1.0)), stopped.set()))
def flood():
    for _ in range(int(sys.argv[1])):
        os.kill(os.getpid(), signal.SIGTERM)
    flooded.set()
flooded = threading.Event()
threading.Thread(target=flood).start()
while not flooded.is_set() or not heard:
    inbox.put(Ended(key="a"))
    heard += sum(isinstance(one, Stop) for one in inbox.take())
    inbox.wait(0.0)
    stopped.is_set() and stopped.clear()
print("heard")
"""


def test_a_flood_of_signals_hangs_no_main_thread_that_takes_the_same_lock() -> None:
    for _ in range(3):
        shown = subprocess.run(
            [sys.executable, "-c", FLOODED, str(SIGNALS)],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert (shown.returncode, shown.stdout) == (0, "heard\n"), shown.stderr


def handlers(path: Path) -> list[str]:
    """Return the handlers that a module installs, as they are written there."""
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    named = [call for call in calls if ast.unparse(call.func) == "signal.signal"]
    return [ast.unparse(call.args[1]).removeprefix("signal.") for call in named]


def test_no_module_installs_a_handler_of_its_own() -> None:
    modules = [path for package in ("eventqueue", "projections") for path in sorted((ROOT / package).rglob("*.py"))]
    found = {str(path.relative_to(ROOT)): set(handlers(path)) - HARMLESS for path in modules}

    assert {name: of_its_own for name, of_its_own in found.items() if of_its_own and name not in OWN} == {}
    assert len(found) > 400


def test_the_second_signal_ends_a_process_that_obeys_but_one() -> None:
    code = """
import os, signal, time
from eventqueue.system.interrupts import on_signals
on_signals([signal.SIGTERM], lambda: None, is_once=True)
os.kill(os.getpid(), signal.SIGTERM)
while signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
    pass
os.kill(os.getpid(), signal.SIGTERM)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=PATIENCE_S, check=False).returncode == -15


def test_the_first_signal_is_passed_on_the_second_interrupts_and_then_all_is_as_before() -> None:
    before, heard = signal.getsignal(signal.SIGINT), threading.Event()

    def hear_both() -> None:
        with once([signal.SIGINT], heard.set):
            os.kill(os.getpid(), signal.SIGINT)
            assert heard.wait(PATIENCE_S)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        hear_both()

    assert signal.getsignal(signal.SIGINT) is before
