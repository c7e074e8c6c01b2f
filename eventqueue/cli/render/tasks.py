"""Tasks for people and for machines."""

import inspect
from collections.abc import Collection
from typing import Any

import msgspec

from eventqueue.cli.render.columns import Table
from eventqueue.system.printable import clean, clean_json
from eventqueue.tasks.declared import Declared
from eventqueue.tasks.outcomes import Discarded, Outcome, Raised, Returned, Snoozed
from eventqueue.telling.documents import plain


def table(found: Collection[Declared]) -> Table:
    """A task a line: its name, what it takes, the queue of its jobs, and how often they are tried again."""
    rows = [
        [
            clean(one.name),
            "async" if one.is_async else "sync",
            one.policy.queue or "default",
            one.policy.max_retries,
            clean(str(one.contract)),
            clean(_about(one)),
        ]
        for one in found
    ]
    return Table(["TASK", "KIND", "QUEUE", "RETRIES", "TAKES", "ABOUT"], rows, loose=2)


def document(one: Declared) -> dict[str, Any]:
    """A task with what its jobs are like; what it does not say itself is null."""
    return {
        "name": one.name,
        "aliases": list(one.aliases),
        "module": one.function.__module__,
        "is_async": one.is_async,
        "takes": str(one.contract),
        "about": _about(one),
        **plain(msgspec.structs.asdict(one.policy)),
    }


def _about(one: Declared) -> str:
    return (inspect.getdoc(one.function) or "").partition("\n")[0]


def ended(task: Declared, how: Outcome) -> dict[str, Any]:
    """How a call ended: its result, or the error, or what it says is to become of its job."""
    value = how.value if isinstance(how, Returned) else None
    error = plain(how.error) if isinstance(how, Raised) else None
    return {"task": task.name, "result": value, "error": error, "says": None if error else problem(how)}


def result(how: Outcome) -> str:
    """What a task returned, as a line of JSON."""
    return clean_json(msgspec.json.encode(how.value if isinstance(how, Returned) else None).decode())


def problem(how: Outcome) -> str | None:
    """Return what is to be said of a call that did not return."""
    match how:
        case Returned():
            return None
        case Snoozed(delay=delay):
            return f"snoozes for {delay.total_seconds():g} s"
        case Discarded(why=why):
            return f"is to be discarded: {why}"
        case Raised(error=error):
            return f"failed with {error.told}"


def traceback(how: Outcome) -> str | None:
    """Return where in the user's code a call failed, if it did; several lines."""
    return how.error.traceback if isinstance(how, Raised) else None
