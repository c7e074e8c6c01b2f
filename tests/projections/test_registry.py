"""Projections of installed packages: found, held to what a projection is, and run beside those built in."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventqueue.errors import BadProjection
from eventqueue.events import Recorded
from eventqueue.ground import Ground
from projections import registry
from projections.registry import Checked, installed
from tests.builders import CANCELLED, enqueued, history
from tests.projections.exact import assert_exact
from tests.projections.processes import ROOT
from tests.projections.stage import build, document, finish, put

README = (ROOT / "README.md").read_text()


def example(name: str) -> str:
    """The file called `name` in README's example of a projection."""
    found = re.search(rf"`{re.escape(name)}`:\n\n```\w+\n(.*?)```", README, re.DOTALL)
    assert found, name
    return found[1]


class Package:
    """A package with projections that is installed for as long as the test lasts."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def install(self, name: str, source: str, entry: str) -> None:
        (self.place / f"{name}.py").write_text(source)
        info = self.place / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{entry}\n")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    monkeypatch.syspath_prepend(str(tmp_path))
    installed.cache_clear()
    yield Package(tmp_path)
    installed.cache_clear()


def test_without_packages_there_are_those_built_in() -> None:
    assert [one.name for one in installed()] == ["stats"]


def test_the_readmes_example_runs_as_an_installed_package_beside_the_others(
    package: Package, ground: Ground, server_uri: str
) -> None:
    name, place = example("pyproject.toml").splitlines()[-1].split(" = ")
    package.install("acme_costs", example("acme_costs.py"), f"{name} = " + place.strip('"'))
    put(ground, "job-one", enqueued(meta={"customer": "acme", "cents": 250}), CANCELLED)
    put(ground, "job-two", enqueued(meta={"customer": "acme", "cents": 100}))

    environ = {**os.environ, "PYTHONPATH": f"{package.place}:{ROOT}"}
    script = "import sys; from eventqueue.cli.main import main; main()"
    command = [sys.executable, "-c", script, "--uri", server_uri, "--db", ground.database.name]
    ran = subprocess.run(  # noqa: PLW1510 - looked at below
        [*command, "--json", "projections", "show", "cost"], env=environ, capture_output=True, text=True
    )

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == '[{"key":["acme"],"counts":{"cents":350,"jobs":2}}]'
    assert_exact(ground, installed())


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("raise RuntimeError('not today')", "RuntimeError: not today"),
        ("P = 7", "AttributeError"),
        ("class P:\n name = 'Stats!'\n version = 1\n def tally(self, *_): return {}", "small letters"),
        ("class P:\n name = 'stats'\n version = 1\n def tally(self, *_): return {}", "'stats' is taken"),
        ("class P:\n name = 'jobs'\n version = 1\n def tally(self, *_): return {}", "'jobs' is taken"),
        ("class P:\n name = 'cost'\n version = 0\n def tally(self, *_): return {}", "a version"),
        ("class P:\n name = 'cost'\n version = 1\n tally = None", "a function tally"),
    ],
)
def test_a_package_that_brings_no_projection_is_named_with_what_is_wrong(
    package: Package, source: str, problem: str, request: pytest.FixtureRequest
) -> None:
    module = f"broken_{abs(hash(source))}"
    package.install(module, source, f"cost = {module}:P")

    with pytest.raises(BadProjection, match=re.escape(problem)) as raised:
        installed()

    assert module in str(raised.value)


class Returning:
    """A projection that counts what it is told to."""

    name = "returning"
    version = 1

    def __init__(self, tally: Any) -> None:
        self._tally = tally

    def tally(self, *_: Any) -> Any:
        return self._tally


@pytest.mark.parametrize(
    "tally",
    [
        {"key": {"n": 1}},
        {(): {"n": 1}},
        {(1.5,): {"n": 1}},
        {("key",): {"": 1}},
        {("key",): {"a.b": 1}},
        {("key",): {"$n": 1}},
        {("key",): {"n": 1.5}},
        {("key",): {"n": True}},
        {("key",): {"n": 2**63}},
    ],
    ids=repr,
)
def test_what_cannot_be_counted_parks_the_job_and_stops_nobody(ground: Ground, tally: Any) -> None:
    projections = (*registry.PROJECTIONS, Checked(Returning(tally)))
    build(ground, projections)
    put(ground, "job-one", enqueued())

    finish(ground, projections)

    assert document(ground, "one")["parked"]["projection"] == "returning"


def test_what_can_be_counted_is_let_through() -> None:
    (recorded,) = history(enqueued())
    tally = {("a", 1): {"cents": -5}}

    assert isinstance(recorded, Recorded)
    assert Checked(Returning(tally)).tally(None, None, recorded) == tally  # type: ignore[arg-type]
