"""What is said to have been changed of a job, held against what it had by then and what can be. Pure.

When it was due is not: that may have moved with an attempt, and only a fold of all of it could tell.
"""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from eventqueue.model.amending import OF_ANY_SIZE, VARIABLE, laid, outgrows, taken
from eventqueue.model.events import Amending, Enqueued, Event, Shell, Terms

_ALL = tuple(name for name in Terms.__struct_fields__ if name != "unset")
_TOLD = tuple(name for name in _ALL if name != "due_at")


class Amends:
    """Follows one job's terms from event to event."""

    def __init__(self) -> None:
        self._first: Enqueued | None = None
        self._terms: dict[str, Any] | None = None  # None: not known

    def pass_over(self) -> None:
        """Go on behind an event that cannot be read, and that may have changed anything."""
        self._terms = None

    def faults(self, event: Event) -> Iterator[str]:
        """Yield what is wrong with the next event."""
        if isinstance(event, Enqueued):
            self._first, self._terms = event, _begun(event)
        elif isinstance(event, Amending) and self._terms is not None:
            yield from _idle(event)
            if is_too_much := outgrows(self._job(self._terms), event.now):
                yield "it makes more of the job than a job may have: its variables, tags, queue and command stayed"
            for field in _TOLD:
                value = getattr(event.now, field)
                is_env, is_unset = field == "env", field in event.now.unset
                if value is None and not is_unset and not (is_env and taken(event.now)):
                    continue
                had = self._terms[field]
                named = {*(value or {}), *taken(event.now)} if is_env else ()
                told = {name: had[name] for name in named if name in had} if is_env else had
                if getattr(event.was, field) != told or (field == "command" and had is None):  # it runs a task
                    # Not what it was: the values of an environment may be secret.
                    yield f"it tells of another `{field}` than the job had"
                if not is_too_much or field not in OF_ANY_SIZE:  # as the fold has it
                    self._terms[field] = laid(had, event.now) if is_env else value

    def _job(self, terms: dict[str, Any]) -> Enqueued:
        """Return the job as if it had been enqueued on the terms of now."""
        assert self._first is not None
        run = self._first.run
        run = replace(run, command=terms["command"], env=terms["env"]) if isinstance(run, Shell) else run
        return replace(self._first, run=run, queue=terms["queue"], tags=terms["tags"])


def _idle(event: Amending) -> Iterator[str]:
    """Yield what an event tells of that it does not change."""
    if event.now in (Terms(), event.was):
        yield "it changes nothing"
        return
    gone = {name.partition(".")[0] if name.startswith(VARIABLE) else name for name in event.now.unset}
    for field in _ALL:
        # Of what a job had not, nothing is said of before.
        if getattr(event.now, field) is None and getattr(event.was, field) is not None and field not in gone:
            yield f"it tells of a `{field}` that it does not change"


def _begun(event: Enqueued) -> dict[str, Any]:
    command, env = (event.run.command, event.run.env) if isinstance(event.run, Shell) else (None, {})
    return {
        "priority": event.priority,
        "queue": event.queue,
        "max_retries": event.max_retries,
        "timeout": event.timeout,
        "env": env,
        "tags": event.tags,
        "command": command,
    }
