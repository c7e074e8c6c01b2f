"""A page that is served as `queuectl web` does it, as tests know it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NamedTuple

from starlette.routing import BaseRoute

from eventqueue.api.queue import Queue
from eventqueue.model.moments import moment_of
from eventqueue.web.asked import Asked
from eventqueue.web.entry.keys import Keys
from eventqueue.web.entry.roles import Role, Visitor
from eventqueue.web.house import House

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
THEN = NOW - timedelta(days=30)


class Site(NamedTuple):
    """Where it is, by what tokens it lets in, what its requests share, and which pages and acts it has."""

    url: str
    keys: Keys
    house: House
    routes: Sequence[BaseRoute] = ()


def was_at(queue: Queue, job_id: str, place: int = -1) -> str:
    """Return the moment of an event of a job, the last one as a rule, as an address has it."""
    moment = moment_of(queue.history(job_id)[place])
    assert moment is not None
    return moment.isoformat()


def is_now(queue: Queue) -> str:
    """Return the moment of the log's last event, as an address has it: by our own clock it may be to come yet."""
    moment = moment_of(next(queue.events(reverse=True)))
    assert moment is not None
    return moment.isoformat()


class NoQueue:
    """One that is not to be asked for any id."""

    def resolve(self, prefix: str) -> str:
        raise AssertionError(prefix)


def asking(then: datetime | None = None, /, **query: str) -> Asked:
    """Return a request at NOW, of a time that is past perhaps, for what needs nothing of a queue."""
    nothing: dict[str, Any] = {"queue": NoQueue(), "labours": None, "kept": None}
    moment: Any = then and SimpleNamespace(moment=then)
    return Asked(**nothing, visitor=Visitor(Role.VIEWER, "ann"), now=NOW, url="/", query=query, then=moment)
