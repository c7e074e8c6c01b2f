"""A pyproject.toml names modules to import only where nobody but its owner could have written it."""

import grp
import os
import pwd
import sys
from pathlib import Path

import pytest

from eventqueue.cli.importing import imports_of

OWN = os.getuid()


@pytest.fixture(name="place")
def a_directory_with_a_pyproject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text('[tool.queuectl]\nimport = ["letters"]\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def is_group(monkeypatch: pytest.MonkeyPatch, place: Path, name: str, members: list[str], gid: int | None) -> None:
    """Have the group of the file be called so, with these members, and be the user's first one or not."""
    group = place.stat().st_gid
    user = ("ann", "x", OWN, group if gid is None else gid, "", "/home/ann", "/bin/sh")
    monkeypatch.setattr(pwd, "getpwuid", lambda _: pwd.struct_passwd(user))
    monkeypatch.setattr(grp, "getgrgid", lambda _: grp.struct_group((name, "x", group, members)))


@pytest.mark.parametrize("which", ["pyproject.toml", "."])
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o702, 0o755])
def test_what_others_may_write_is_not_believed(
    place: Path, monkeypatch: pytest.MonkeyPatch, which: str, mode: int
) -> None:
    is_group(monkeypatch, place, "staff", [], None)
    (place / which).chmod(mode)

    assert imports_of((), ()).modules == (("letters",) if mode == 0o755 else ())


@pytest.mark.parametrize(
    ("name", "members", "gid", "modules"),
    [
        ("ann", [], None, ("letters",)),
        ("ann", ["ann"], None, ("letters",)),
        ("ann", ["bob"], None, ()),
        ("ann", [], 12345, ()),
        ("users", [], None, ()),
    ],
)
def test_a_group_may_write_it_that_is_the_users_own(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    members: list[str],
    gid: int | None,
    modules: tuple[str, ...],
) -> None:
    is_group(monkeypatch, place, name, members, gid)
    (place / "pyproject.toml").chmod(0o664)

    assert imports_of((), ()).modules == modules


@pytest.fixture(name="here")
def a_directory_with_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "letters.py").touch()
    (tmp_path / "json.py").touch()
    (tmp_path / "app").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("module", ["letters", "app.tasks"])
def test_a_module_that_is_named_is_found_in_this_directory(here: Path, module: str) -> None:
    assert imports_of([module], ()).path == (str(here),)
    assert imports_of([module], ["/srv"]).path == ("/srv",)
    here.chmod(0o777)
    assert imports_of([module], ()).path == ()


@pytest.mark.parametrize("module", ["letters", "app.tasks", "shop.tasks"])
def test_so_it_is_where_python_itself_looks_in_this_directory(
    here: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    (here / "shop").mkdir()
    (here / "shop" / "__init__.py").touch()
    monkeypatch.syspath_prepend(here)  # as `python -m eventqueue` does; a worker's children do not look there

    assert imports_of([module], ()).path == (str(here),)


def test_what_the_children_find_as_well_has_nothing_else_here_looked_up_before_what_is_installed(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = [*sys.path, str(here)]  # as a project does that is installed to be edited
    monkeypatch.setattr(sys, "path", edited)
    assert imports_of(["letters"], ()).path == ()
    monkeypatch.setattr(sys, "path", [str(here), *edited])
    assert imports_of(["letters"], ()).path == ()


@pytest.mark.parametrize("module", ["json", "json.tool", "nowhere", "", ".", "__main__"])
def test_what_is_installed_or_not_here_has_nothing_looked_up_in_this_directory(here: Path, module: str) -> None:
    assert here == Path.cwd()
    assert imports_of([module], ()).path == ()
