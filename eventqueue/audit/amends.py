"""What is said to have been changed of a job, held against what it had by then. Pure.

When it was due is not: that may have moved with an attempt, and only a fold of all of it could tell.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from eventqueue.model.amending import VARIABLE
from eventqueue.model.events import Amending, Enqueued, Event, Shell, Terms

_TOLD = tuple(name for name in Terms.__struct_fields__ if name not in ("due_at", "unset"))


class Amends:
    """Follows one job's terms from event to event."""

    def __init__(self) -> None:
        self._terms: dict[str, Any] | None = None  # None: not known

    def pass_over(self) -> None:
        """Go on behind an event that cannot be read, and that may have changed anything."""
        self._terms = None

    def faults(self, event: Event) -> Iterator[str]:
        """Yield what is wrong with the next event."""
        if isinstance(event, Enqueued):
            self._terms = _begun(event)
        elif isinstance(event, Amending) and self._terms is not None:
            taken = {name.removeprefix(VARIABLE) for name in event.now.unset if name.startswith(VARIABLE)}
            for field in _TOLD:
                value = getattr(event.now, field)
                is_env, is_unset = field == "env", field in event.now.unset
                if value is None and not is_unset and not (is_env and taken):
                    continue
                had = self._terms[field]
                had = {name: had[name] for name in {*(value or {}), *taken} if name in had} if is_env else had
                if getattr(event.was, field) != had:
                    # Not what it was: the values of an environment may be secret.
                    yield f"it tells of another `{field}` than the job had"
                self._terms[field] = _laid(self._terms[field], value, taken) if is_env else value


def _laid(env: Mapping[str, str], value: Mapping[str, str] | None, taken: Collection[str]) -> dict[str, str]:
    return {**{name: one for name, one in env.items() if name not in taken}, **(value or {})}


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
