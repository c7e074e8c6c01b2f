"""Importing the modules with tasks: what is told of it, and what cannot be imported."""

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eventqueue.errors import Refused
from eventqueue.worker.python.forkserver import ForkServer
from eventqueue.worker.python.importing import imported
from eventqueue.worker.python.plan import PythonPlan

Import = Callable[[str], "ForkServer | None"]


@pytest.fixture
def never() -> Iterator[int]:
    """A descriptor on which nothing comes."""
    readable, writable = os.pipe()
    yield readable
    os.close(readable)
    os.close(writable)


@pytest.fixture
def import_(tmp_path: Path, never: int) -> Iterator[Import]:
    """What imports a module of this text."""
    made: list[ForkServer] = []

    def run(text: str) -> ForkServer | None:
        (tmp_path / "shop.py").write_text(text)
        server = imported(PythonPlan(imports=("shop",), import_path=(str(tmp_path),)), never)
        if server is not None:
            made.append(server)
        return server

    yield run
    for one in made:
        one.bury()


def test_the_tasks_of_a_module_are_known_by_all_their_names(import_: Import) -> None:
    server = import_(
        "from eventqueue import task\n"
        "@task(aliases=['shop.deliver'])\ndef ship(): pass\n"
        "@task(name='mail')\nasync def send(): pass\n"
    )

    assert server is not None
    assert server.tasks == {"shop.ship": False, "shop.deliver": False, "mail": True}


def test_what_lies_beside_tasks_hides_no_module_of_pythons_own(import_: Import, tmp_path: Path) -> None:
    for name in ("types", "queue", "colorsys"):
        (tmp_path / f"{name}.py").write_text("raise AssertionError('this is not the one')\n")

    server = import_("import types, queue, colorsys\nfrom eventqueue import task\n@task\ndef hue(): pass\n")

    assert server is not None
    assert server.tasks == {"shop.hue": False}


def test_what_lies_beside_tasks_goes_before_what_is_installed(import_: Import, tmp_path: Path) -> None:
    (tmp_path / "pytest.py").write_text("OURS = True\n")

    assert import_("from pytest import OURS\n") is not None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "import os\nraise OSError('no licence')",
            r"'shop' cannot be imported: OSError: no licence \(shop.py",
        ),
        ("import sys\nsys.exit(3)", "'shop' cannot be imported: SystemExit: 3"),
        ("def broken(:", "'shop' cannot be imported: SyntaxError"),
        ("import os\nos._exit(7)", r"the process that imports ended meanwhile \(exit code 7\)"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", r"ended meanwhile \(killed by SIGKILL\)"),
        ("from eventqueue import task\ntask(lambda: 1)", "a lambda has no name"),
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
    ],
)
def test_why_a_module_cannot_be_imported_is_said_in_a_sentence(import_: Import, text: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        import_(text)


def test_what_a_module_prints_is_told_with_its_control_characters_escaped(
    import_: Import, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Refused):
        import_("print('\\x1b[2Jloading', flush=True)\nraise ValueError\n")

    assert "printed outside of a job: \\x1b[2Jloading" in caplog.messages


def test_threads_that_a_module_starts_are_told_of(import_: Import, caplog: pytest.LogCaptureFixture) -> None:
    import_("import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n")

    assert any("importing shop has started 1 threads, which a fork does not copy" in one for one in caplog.messages)


def test_a_module_that_takes_its_time_is_told_of_now_and_then(
    import_: Import, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventqueue.worker.python.forkserver.PATIENCE_S", 0.05)
    with caplog.at_level(logging.WARNING):
        import_("import time\ntime.sleep(0.5)\n")

    assert "importing shop takes its time: 0 s so far" in caplog.messages


def test_who_is_asked_to_stop_waits_for_no_import(tmp_path: Path) -> None:
    readable, writable = os.pipe()
    os.write(writable, b"0\n")
    (tmp_path / "shop.py").write_text("import time\ntime.sleep(1000)\n")

    assert imported(PythonPlan(imports=("shop",), import_path=(str(tmp_path),)), readable) is None

    os.close(readable)
    os.close(writable)
