"""Projections of installed packages: found, held to what a projection is, and run beside those built in."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventqueue.errors import BadProjection
from eventqueue.model.events import Recorded
from eventqueue.mongo.ground import Ground
from projections import registry
from projections.registry import Checked, installed
from tests.builders import CANCELLED, enqueued, history
from tests.projections.processes import ROOT
from tests.projections.stage import await_that, build, checkpoint_of, document, finish, is_fresh, put

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
        self.names: list[str] = []

    def install(self, name: str, source: str, entry: str) -> None:
        self.names.append(name)
        (self.place / f"{name}.py").write_text(source)
        info = self.place / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{entry}\n")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    monkeypatch.syspath_prepend(str(tmp_path))
    installed.cache_clear()
    package = Package(tmp_path)
    yield package
    installed.cache_clear()
    for name in package.names:
        sys.modules.pop(name, None)


def test_without_packages_there_are_those_built_in() -> None:
    assert [one.name for one in installed()] == ["stats"]


def pip_install(source: Path, target: Path) -> None:
    """`pip install .` in `source`, but for what would be fetched."""
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--quiet", "--no-cache-dir"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, *offline, "--target", str(target), "."], cwd=source, check=True)


def test_the_readmes_example_is_built_installed_and_run_beside_the_others(
    ground: Ground, server_uri: str, tmp_path: Path
) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    for name in ("acme_costs.py", "pyproject.toml"):
        (source / name).write_text(example(name))
    pip_install(source, target)
    environ = {**os.environ, "PYTHONPATH": f"{target}:{ROOT}"}
    queuectl = [sys.executable, "-m", "eventqueue", "--uri", server_uri, "--db", ground.database.name, "--json"]

    with subprocess.Popen([*queuectl, "projector", "start"], env=environ, stdout=subprocess.DEVNULL) as projector:
        try:
            await_that(lambda: is_fresh(ground))
            put(ground, "job-one", enqueued(meta={"customer": "acme", "cents": 250}), CANCELLED)
            put(ground, "job-two", enqueued(meta={"customer": "acme", "cents": 100}))
            await_that(lambda: checkpoint_of(ground).applied == 3)
            show, verify = (
                subprocess.run([*queuectl, "projections", *words], env=environ, capture_output=True, check=True)
                for words in (("show", "cost"), ("verify",))
            )
        finally:
            projector.terminate()

    assert projector.returncode == 0
    assert checkpoint_of(ground).projections.keys() == {"jobs", "stats", "cost"}
    assert checkpoint_of(ground).fence == 1  # it was the projector that counted, and nobody else
    assert show.stdout.strip() == b'[{"key":["acme"],"counts":{"cents":350,"jobs":2}}]'
    assert json.loads(verify.stdout) == {"verified": 3, "differences": []}


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
    package: Package, source: str, problem: str
) -> None:
    package.install("broken", source, "cost = broken:P")

    with pytest.raises(BadProjection, match=re.escape(problem)) as raised:
        installed()

    assert "broken" in str(raised.value)


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
