"""Which modules are imported for their tasks, and from where: as options say, or else a pyproject.toml of one's own.

What lies where a command happens to be typed may be anybody's: it is imported if its owner says so, by a pyproject.toml
or by naming it, and only where nobody else could have put it there.
"""

import grp
import os
import pwd
import stat
import sys
import tomllib
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import click

from eventqueue.cli.output import Output
from eventqueue.cli.values import FILE, TEXT
from eventqueue.errors import InvalidInput
from eventqueue.system.imports import look_in
from eventqueue.system.streams import stdout_on_stderr

FILE_NAME = "pyproject.toml"
READ_MAX = 1_000_000  # bytes of one that is not believed
_KEYS = {"import": "modules", "import-path": "directories"}

F = TypeVar("F", bound=Callable[..., Any])


def with_imports(function: F) -> F:
    """Give a command `modules` and `import_path`, for `imports_of`."""
    for option in (
        click.option(
            "--import-path",
            multiple=True,
            type=FILE,
            metavar="DIRECTORY",
            help="Look for modules there, behind Python's own and before what is installed; several may be given "
            "[default: here too, for one that is found nowhere else, if nobody else may write here].",
        ),
        click.option(
            "--import",
            "modules",
            multiple=True,
            type=TEXT,
            metavar="MODULE",
            help="Import this module for its tasks; several may be given "
            "[default: `import` of [tool.queuectl] in the pyproject.toml here or above].",
        ),
    ):
        function = option(function)
    return function


class Imports:
    """Modules, the directories in which they are looked for as well, and who says so, if no option.

    `unheard`: a file that says so and is not believed.
    """

    def __init__(
        self,
        modules: Sequence[str],
        path: Sequence[str],
        said_by: Path | None = None,
        unheard: Path | None = None,
    ) -> None:
        self.modules = tuple(modules)
        self.path = tuple(path)
        self.said_by = said_by
        self.unheard = unheard

    def load(self, out: Output) -> None:
        """Import them here. Raises ImportFailed or TaskRefused."""
        from eventqueue.tasks import registry

        self.tell(out)
        look_in(self.path)
        with stdout_on_stderr():  # what modules print is no part of an answer
            registry.load(self.modules)

    def tell(self, out: Output) -> None:
        """Say what is imported, or is not, where nobody has named it in the command line."""
        if self.said_by is not None and self.modules:
            out.note(f"Importing {', '.join(self.modules)}, as {self.said_by} says.")
        if self.unheard is not None:
            out.note(f"{self.unheard} is passed over: others than you may write it, or its directory.")


def imports_of(modules: Sequence[str], path: Sequence[str]) -> Imports:
    """Return what is to be imported. Raises InvalidInput for a pyproject.toml that says it in another form."""
    directories = [os.path.abspath(one) for one in path]
    if modules:
        return Imports(modules, directories or _here(modules))
    if (file := _file()) is None:
        return Imports((), directories)
    if not all(map(_is_own, (file, file.parent))):
        return Imports((), directories, unheard=file if _speaks_of_us(file) else None)
    said = _said(file)
    from_file = [str(file.parent / one) for one in said.get("import-path", ["."])]
    return Imports(said.get("import", []), [*directories, *map(os.path.normpath, from_file)], file)


def _here(modules: Sequence[str]) -> list[str]:
    """Return this directory, if one of the modules lies in it and nowhere else, and nobody else could put it there."""
    try:
        here = Path.cwd()
    except OSError:  # it was deleted
        return []
    tops = [module.partition(".")[0] for module in modules]
    found = [top for top in tops if top and ((here / top).is_dir() or (here / f"{top}.py").is_file())]
    return [str(here)] if not all(_is_elsewhere(top, here) for top in found) and _is_own(here) else []


def _is_elsewhere(top: str, here: Path) -> bool:
    """Whether a module is found without this directory being named, by a worker's children too."""
    kept = list(sys.path)
    # `python -m eventqueue` looks here first of all, they do not. That it may be found here by something else as well,
    # as a project is that is installed to be edited, is no reason to look here before what is installed.
    if not sys.flags.safe_path and Path(kept[0]) == here:
        del sys.path[0]
    try:
        return find_spec(top) is not None
    except ValueError:  # it is imported, and does not say from where
        return True
    finally:
        sys.path[:] = kept


def _file() -> Path | None:
    """Return the nearest pyproject.toml here or above."""
    try:
        here = Path.cwd()
    except OSError:  # it was deleted
        return None
    return next((one / FILE_NAME for one in (here, *here.parents) if (one / FILE_NAME).is_file()), None)


def _speaks_of_us(file: Path) -> bool:
    try:
        with file.open("rb") as opened:
            return b"tool.queuectl" in opened.read(READ_MAX)
    except OSError:
        return False


def _is_own(place: Path) -> bool:
    info = place.stat()
    if info.st_uid not in (os.getuid(), 0) or info.st_mode & stat.S_IWOTH:
        return False
    return not info.st_mode & stat.S_IWGRP or _is_own_group(info.st_gid)


def _is_own_group(group: int) -> bool:
    """Whether nobody but the user is in a group, as in the one that many systems make with each user."""
    try:
        user, found = pwd.getpwuid(os.getuid()), grp.getgrgid(group)
    except KeyError:
        return False
    return (user.pw_gid, user.pw_name) == (group, found.gr_name) and {user.pw_name}.issuperset(found.gr_mem)


def _said(file: Path) -> dict[str, list[str]]:
    try:
        with file.open("rb") as opened:
            tool = tomllib.load(opened).get("tool", {})
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput("", f"{file} cannot be read: {error}.") from None
    said = tool.get("queuectl", {}) if isinstance(tool, dict) else {}
    if not isinstance(said, dict):
        raise InvalidInput("", f"{file}: tool.queuectl must be a table.")
    for key, value in said.items():
        if key not in _KEYS:
            raise InvalidInput("", f"{file}: [tool.queuectl] has no {key}; it may have {' and '.join(_KEYS)}.")
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise InvalidInput("", f'{file}: {key} of [tool.queuectl] must be a list of {_KEYS[key]}, such as ["app"].')
    return said
