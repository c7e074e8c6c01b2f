"""Type checkers find what is wrong in calls of the API, and nothing in those that are right."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = Path(__file__).with_name("typed.py")
MARK = re.compile(r"  # type: ignore\[[a-z-]+\]")


def mypy(file: Path) -> str:
    return told("mypy", "--strict", "--cache-dir", str(ROOT / ".mypy_cache"), "--config-file", "", str(file))


def pyright(file: Path) -> str:
    return told("basedpyright", "--level", "error", "--pythonpath", sys.executable, str(file))


def told(checker: str, *arguments: str) -> str:
    pytest.importorskip(checker)
    command = [sys.executable, "-m", checker, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120).stdout


@pytest.mark.parametrize("check", [mypy, pyright], ids=lambda check: check.__name__)
def test_what_is_wrong_is_found_and_nothing_else(check: Callable[[Path], str], tmp_path: Path) -> None:
    examples = EXAMPLES.read_text()
    file = tmp_path / "examples.py"
    file.write_text(MARK.sub("", examples))

    found = {int(line) for line in re.findall(r"examples\.py:(\d+):.*?error", check(file))}

    wrong = {number for number, line in enumerate(examples.splitlines(), start=1) if MARK.search(line)}
    assert found == wrong
    assert len(wrong) > 10
