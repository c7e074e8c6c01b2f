"""What is missing is told with a command that installs it, into the environment that asks for it."""

import sys
import tomllib
from pathlib import Path

import pytest

from eventqueue.system import installing

ROOT = Path(__file__).parents[2]


def test_the_command_installs_where_this_python_looks() -> None:
    assert installing.command("pyarrow>=17") == f"{sys.executable} -m pip install 'pyarrow>=17'"


def test_where_there_is_no_pip_uv_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installing, "find_spec", lambda _: None)

    assert installing.command("pyarrow>=17") == f"uv pip install --python {sys.executable} 'pyarrow>=17'"


def test_what_is_named_is_what_the_extras_ask_for() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]

    assert extras["embedded"] == [installing.MONGOD]
    assert extras["parquet"] == [installing.PYARROW]
    assert extras["seal"] == [installing.CRYPTOGRAPHY]
