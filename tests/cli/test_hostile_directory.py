"""Nothing that lies in the directory where queuectl is typed is run by it, by any process that it starts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.server.servers import clear_away

ROOT = Path(__file__).parents[2]
QUEUECTL = Path(sys.executable).with_name("queuectl")
OURS = {path.stem for package in ("eventqueue", "projections") for path in (ROOT / package).rglob("*.py")}
NAMES = sorted(
    {*sys.stdlib_module_names, *OURS, "eventqueue", "projections", "sitecustomize", "usercustomize", "pyarrow"}
)
PICTURES = """
import colorsys, queue, types
from eventqueue import task

@task
def hue():
    import wave  # in a worker only its child does
    return colorsys.rgb_to_hsv(1, 0, 0)[0]
"""


@dataclass(frozen=True)
class Hostile:
    """A directory in which every module and program that might be looked for leaves its name in `ran`."""

    folder: Path
    ran: Path
    home: Path

    def queuectl(self, *args: str) -> "subprocess.CompletedProcess[str]":
        """Type a command there."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
        path = os.pathsep.join(["", ".", os.environ["PATH"], ""])  # as some have it
        return subprocess.run(
            [QUEUECTL, *args],
            cwd=self.folder,
            env={**kept, "PATH": path, "QUEUECTL_HOME": str(self.home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Hostile]:
    there = Hostile(tmp_path / "there", tmp_path / "ran", tmp_path / "home")
    there.folder.mkdir()
    for name in NAMES:
        (there.folder / f"{name}.py").write_text(f"open({str(there.ran)!r}, 'a').write({name + '.py'!r})")
    for name in ("mongod", "python3", "python"):
        program = there.folder / name
        program.write_text(f"#!/bin/sh\necho {name} >>{there.ran}\n")
        program.chmod(0o755)
    yield there
    clear_away(there.home)


def test_modules_and_programs_in_the_current_directory_are_never_run(hostile: Hostile) -> None:
    for args in (
        ("enqueue", "--id", "a", "--", "true"),
        ("worker", "start", "--until-empty"),
        ("status",),
        ("doctor",),
        ("projections", "rebuild"),
        ("audit", "verify", "--all"),
        ("audit", "export"),
        ("audit", "export", "--format", "parquet", "--out", str(hostile.home / "log.parquet")),
        ("simulate", "--max-retries", "1"),
        ("completion", "bash"),
        ("db", "status"),
    ):
        done = hostile.queuectl(*args)
        assert done.returncode == 0, (args, done.stderr)
    assert '"state":"completed"' in hostile.queuectl("show", "a", "--json").stdout
    assert not hostile.ran.exists(), hostile.ran.read_text()


def test_a_job_runs_in_the_hostile_directory_as_it_was_asked(hostile: Hostile) -> None:
    hostile.queuectl("enqueue", "--id", "a", "--", "pwd")
    hostile.queuectl("worker", "start", "--until-empty")
    assert hostile.queuectl("logs", "a").stdout == f"{hostile.folder}\n"


@pytest.mark.parametrize("where", [(), ("--import-path", ".")])
def test_what_lies_beside_tasks_hides_no_module_of_pythons_own(hostile: Hostile, where: tuple[str, ...]) -> None:
    for name in NAMES:  # what is installed one's own modules go before, and what is absent is looked for everywhere
        if name not in sys.stdlib_module_names or find_spec(name) is None:
            (hostile.folder / f"{name}.py").unlink()
    (hostile.folder / "pictures.py").write_text(PICTURES)
    imports = ("--import", "pictures", *where)

    here = hostile.queuectl("tasks", "run", "pictures.hue", *imports)
    assert here.stdout == "0.0\n", here.stderr
    made = hostile.queuectl("enqueue", "--id", "a", "--task", "pictures.hue", *imports)
    assert made.returncode == 0, made.stderr
    hostile.queuectl("worker", "start", "--until-empty", *imports)

    assert '"state":"completed"' in hostile.queuectl("show", "a", "--json").stdout
    assert not hostile.ran.exists(), hostile.ran.read_text()
