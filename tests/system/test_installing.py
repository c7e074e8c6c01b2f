"""What is missing is told with a command that installs it, into the environment that asks for it."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from eventqueue.system import installing

ROOT = Path(__file__).parents[2]


def test_the_command_installs_where_this_python_looks() -> None:
    assert installing.command("pyarrow>=17") == f"{sys.executable} -m pip install 'pyarrow>=17'"


def test_several_are_installed_by_one_command() -> None:
    assert installing.command("a>=1", "b") == f"{sys.executable} -m pip install 'a>=1' b"


def test_where_there_is_no_pip_uv_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])

    assert installing.command("pyarrow>=17") == f"uv pip install --python {sys.executable} 'pyarrow>=17'"


def test_it_is_told_without_a_word_of_setuptools_whatever_was_imported_before() -> None:
    script = "import sys, warnings; sys.modules['distutils'] = sys; warnings.simplefilter('error')\n"
    script += "from eventqueue.system import installing; print(installing.command('x'))"

    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", f"{sys.executable} -m pip install x\n")


def test_what_is_named_is_what_the_extras_ask_for() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    assert extras["embedded"] == [installing.MONGOD]
    assert extras["parquet"] == [installing.PYARROW]
    assert extras["seal"] == [installing.CRYPTOGRAPHY]
    assert extras["web"] == [*installing.WEB]
