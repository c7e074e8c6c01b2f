"""What a process has called around each task that it runs: for metrics, for sessions of a library, for alarms.

In the process and the thread (or on the loop) of the task, within its job: `current_job()` is there, and what a hook
prints or logs is the job's. A hook that raises is logged, and changes nothing: what became of the job is its task's.
A task that dies with its process, or is killed, has no hook called after it.
"""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from eventqueue.tasks.context import Context
from eventqueue.tasks.outcomes import USERS_OWN, Outcome, Raised, Returned

logger = logging.getLogger(__name__)

Starting = TypeVar("Starting", bound=Callable[[Context], object])
Succeeding = TypeVar("Succeeding", bound=Callable[[Context, Any], object])
Failing = TypeVar("Failing", bound=Callable[[Context, BaseException], object])

_on_start: list[Callable[[Context], object]] = []
_on_success: list[Callable[[Context, Any], object]] = []
_on_failure: list[Callable[[Context, BaseException], object]] = []
_on_dead: list[Callable[[Context, BaseException], object]] = []


def on_start(hook: Starting) -> Starting:
    """Have `hook(ctx)` called before each task."""
    _on_start.append(hook)
    return hook


def on_success(hook: Succeeding) -> Succeeding:
    """Have `hook(ctx, result)` called after each task that returned: what it returned, as it returned it."""
    _on_success.append(hook)
    return hook


def on_failure(hook: Failing) -> Failing:
    """Have `hook(ctx, error)` called after each attempt that failed, also the last one."""
    _on_failure.append(hook)
    return hook


def on_dead(hook: Failing) -> Failing:
    """Have `hook(ctx, error)` called after an attempt that failed and is followed by no other."""
    _on_dead.append(hook)
    return hook


def starting(context: Context) -> None:
    """Call what is to be called before a task."""
    for hook in _on_start:
        _call(hook, context)


def ended(context: Context, outcome: Outcome, value: Any) -> None:
    """Call what is to be called after a task; `value` is what it returned, or raised."""
    match outcome:
        case Returned():
            for success in _on_success:
                _call(success, context, value)
        case Raised(is_final=is_final):
            for failure in (*_on_failure, *(_on_dead if is_final or context.retries_left == 0 else ())):
                _call(failure, context, value)


def _call(hook: Callable[..., object], *args: Any) -> None:
    try:
        hook(*args)
    except USERS_OWN:
        logger.exception("the hook %s failed", getattr(hook, "__qualname__", hook))
