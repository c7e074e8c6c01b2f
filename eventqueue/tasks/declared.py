"""A task as it was declared: a function, its name, and what its jobs are like unless they are asked for otherwise."""

import inspect
import sys
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from pathlib import PurePath
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from eventqueue.errors import TaskRefused
from eventqueue.model.fields import Label, Name, Whole
from eventqueue.model.retry import LONGEST_S, Backoff
from eventqueue.model.spec import Defaults
from eventqueue.tasks.contract import Contract

NOWHERE = "__main__"  # of what no worker can import

BackoffFunction = Callable[[int, BaseException], timedelta | float]
"""From an attempt's number, from 1, and what it raised to how long to wait, in seconds where it is a number."""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What a task's jobs are like; None: as any job's. Durations in seconds."""

    queue: Name | None = None
    priority: Whole | None = None
    max_retries: Annotated[int, Meta(ge=0, lt=2**31)] | None = None
    backoff: Backoff | None = None
    timeout: Annotated[float, Meta(gt=0, le=LONGEST_S)] | None = None
    expires: Annotated[float, Meta(gt=0, le=LONGEST_S)] | None = None
    tags: Annotated[tuple[Label, ...], Meta(max_length=64)] = ()

    def over(self, defaults: Defaults) -> Defaults:
        """Return these defaults as they are for the task's jobs."""
        given = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) not in (None, ())}
        return msgspec.structs.replace(defaults, **given)


class Declared(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A task. Only exceptions of `retry_on` are tried again, where there are any; those of `discard_on` end the job.

    `unique`: the same arguments are the same job: for ever (True), or within such a stretch of time.
    """

    name: str
    function: Callable[..., Any]
    aliases: tuple[str, ...] = ()
    policy: Policy = Policy()
    backoff: BackoffFunction | None = None
    retry_on: tuple[type[BaseException], ...] = ()
    discard_on: tuple[type[BaseException], ...] = ()
    unique: bool | timedelta = False

    @property
    def is_somewhere(self) -> bool:
        """Whether a worker could import it, by what is known of it here."""
        return not self.name.startswith(f"{NOWHERE}.")

    @property
    def is_async(self) -> bool:
        """Whether it is a coroutine function."""
        return inspect.iscoroutinefunction(self.function)

    @cached_property
    def contract(self) -> Contract:
        """What it takes and gives back. Raises TaskRefused for annotations that cannot be used."""
        # At the first use, and not where it is declared: annotations may name what the module defines further down.
        return Contract(self.name, self.function)


def name_of(function: Callable[..., Any]) -> str:
    """Return what a function is called unless it is given a name: its module's path and its own. Raises TaskRefused."""
    qualified = function.__qualname__
    if qualified == "<lambda>":
        raise TaskRefused(qualified, "a lambda has no name by which a worker could find it: write it with def")
    if "<locals>" in qualified:
        problem = "it is made within another function, where no worker finds it: move it out, or give it a name="
        raise TaskRefused(qualified, problem)
    return f"{_module_of(function)}.{qualified}"


def _module_of(function: Callable[..., Any]) -> str:
    module = function.__module__
    if module != "__main__":
        return module
    # As a worker imports it that is told to: a script knows itself by no other name.
    main = sys.modules["__main__"]
    if (spec := getattr(main, "__spec__", None)) is not None:
        return str(spec.name)
    found = PurePath(getattr(main, "__file__", None) or "").stem
    return found if found.isidentifier() else NOWHERE  # what is typed, or read from stdin


def check_function(function: object, name: str | None) -> None:
    """Refuse what is no function that could be a task. Raises TaskRefused."""
    if not inspect.isfunction(function):
        what = name or getattr(function, "__name__", type(function).__name__)
        given = "; what it takes is given by name, as in @task(queue=…)" if isinstance(function, str) else ""
        what = repr(function) if isinstance(function, str) else what
        raise TaskRefused(str(what), f"it is no function: @task stands in front of `def` or `async def`{given}")
    shown = name or function.__qualname__
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TaskRefused(shown, "it is a generator, which nobody would go through: return what it yields")
    owner = function.__qualname__.rpartition(".")[0].rpartition(".")[2]
    if owner and owner != "<locals>":
        raise TaskRefused(shown, "it stands in a class: make it a function of the module, that is given what it needs")
