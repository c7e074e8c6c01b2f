"""The tasks that are known in this process, by name; and importing the modules that declare them."""

import importlib
import traceback
from collections.abc import Collection, Sequence
from pathlib import PurePath

from eventqueue.errors import ImportFailed, TaskRefused
from eventqueue.tasks.declared import Declared

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
    """Import modules, and look at every task that is known then. Raises ImportFailed, or TaskRefused."""
    for name in modules:
        try:
            importlib.import_module(name)
        except TaskRefused:
            raise
        except BaseException as error:  # a module may do anything, exit too
            if isinstance(error, KeyboardInterrupt):
                raise
            raise ImportFailed(name, _told(name, error)) from error
    for task in tasks():
        _ = task.contract


def _told(module: str, error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and f"{module}.".startswith(f"{error.name}."):
        return "there is no such module where Python looks: is its directory on the path (--import-path)?"
    frames = [one for one in traceback.extract_tb(error.__traceback__) if not _is_machinery(one.filename)]
    where = f" ({PurePath(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{where}".rstrip(": ")


def _is_machinery(file: str) -> bool:
    return file.startswith("<frozen importlib") or file.endswith(("importlib/__init__.py", "tasks/registry.py"))


def _place(task: Declared) -> tuple[str, str]:
    return task.function.__module__, task.function.__qualname__
