"""A page that is served as `queuectl web` does it, as tests know it."""

from collections.abc import Sequence
from typing import NamedTuple

from starlette.routing import BaseRoute

from eventqueue.api.queue import Queue
from eventqueue.model.moments import moment_of
from eventqueue.web.entry.keys import Keys
from eventqueue.web.house import House


class Site(NamedTuple):
    """Where it is, by what tokens it lets in, what its requests share, and which pages and acts it has."""

    url: str
    keys: Keys
    house: House
    routes: Sequence[BaseRoute] = ()


def was_at(queue: Queue, job_id: str) -> str:
    """Return the moment of a job's last event, as an address has it."""
    moment = moment_of(queue.history(job_id)[-1])
    assert moment is not None
    return moment.isoformat()


def is_now(queue: Queue) -> str:
    """Return the moment of the log's last event, as an address has it: by our own clock it may be to come yet."""
    moment = moment_of(next(queue.events(reverse=True)))
    assert moment is not None
    return moment.isoformat()
