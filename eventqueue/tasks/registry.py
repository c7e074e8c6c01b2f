"""The tasks that are known in this process, by name; and importing the modules that declare them."""

import importlib
import traceback
from collections.abc import Collection, Sequence
from pathlib import PurePath

from eventqueue.errors import ImportFailed, TaskRefused
from eventqueue.tasks.declared import Declared
from eventqueue.tasks.ending import LIBRARIES
from eventqueue.tasks.planned import planned

_OURS = f"{PurePath(__file__).parents[1]}/"

_tasks: dict[str, Declared] = {}  # by their names and their aliases


def register(task: Declared) -> None:
    """Make a task known. Raises TaskRefused where another has one of its names.

    A function that is defined again, in the same module under the same name, takes the place of the one before: so a
    module can be loaded again, and a cell of a notebook run.
    """
    for name in (task.name, *task.aliases):
        if (other := _tasks.get(name)) is not None and _place(other) != _place(task):
            where = f"{other.function.__module__}.{other.function.__qualname__}"
            raise TaskRefused(name, f"{where} is called so already: give one of them another name=")
    for name in [name for name, other in _tasks.items() if _place(other) == _place(task) and other.name == task.name]:
        del _tasks[name]
    _tasks.update(dict.fromkeys((task.name, *task.aliases), task))


def find(name: str) -> Declared | None:
    """Return the task of this name, or that was called so once; None where none is known here."""
    return _tasks.get(name)


def known() -> tuple[str, ...]:
    """Return all names and aliases of tasks, in order."""
    return tuple(sorted(_tasks))


def tasks() -> Collection[Declared]:
    """Return the tasks, by name."""
    return sorted({id(task): task for task in _tasks.values()}.values(), key=lambda task: task.name)


def load(modules: Sequence[str]) -> None:
    """Import modules, and look at every task and schedule that is known then.

    Raises ImportFailed or TaskRefused, and InvalidInput for a schedule's arguments that do not fit.
    """
    for name in modules:
        _import(name)
    for task in tasks():
        _check(task)
    planned()


def _import(name: str) -> None:
    if (meant := _meant(name)) != name:
        raise ImportFailed(name, f"that is no module's name{f': is {meant} meant?' if meant else ''}")
    try:
        importlib.import_module(name)
    except TaskRefused as error:
        raise TaskRefused(error.name, f"{error.problem}{_where(error)}") from error
    except BaseException as error:  # a module may do anything, exit too
        if isinstance(error, KeyboardInterrupt):
            raise
        raise ImportFailed(name, _told(name, error)) from error


def _check(task: Declared) -> None:
    try:
        _ = task.contract
    except TaskRefused as error:
        code = task.function.__code__
        place = _place_of(code.co_filename, code.co_firstlineno)
        raise TaskRefused(error.name, f"{error.problem}{place}") from error


def _meant(given: str) -> str:
    """Return the module's name that is meant by a file's, or by one with what is looked up in it."""
    parts = given.partition(":")[0].removesuffix(".py").replace("/", ".").split(".")
    return ".".join(part for part in parts if part)


def _told(module: str, error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
        return "there is no such module where Python looks: is its directory on the path (--import-path)?"
    return f"{type(error).__name__}: {error}".rstrip(": ") + _where(error)


def _where(error: BaseException) -> str:
    """Return the place in the user's own code that an error came from, else in a library's; a SyntaxError says it."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if not _is_machinery(one.filename)]
    own = [one for one in frames if not one.filename.startswith(LIBRARIES)] or frames
    return _place_of(own[-1].filename, own[-1].lineno) if own and not isinstance(error, SyntaxError) else ""


def _place_of(file: str, line: int | None) -> str:
    return f" ({PurePath(file).name}, line {line})"


def _is_machinery(file: str) -> bool:
    return file.startswith(("<frozen importlib", _OURS)) or file.endswith("importlib/__init__.py")


def _place(task: Declared) -> tuple[str, str]:
    return task.function.__module__, task.function.__qualname__
