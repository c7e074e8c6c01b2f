"""Which events are wanted: held against each event as it is read, and as a filter for the database. Pure."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from eventqueue.audit.conditions import Condition
from eventqueue.errors import InvalidInput
from eventqueue.model.events import CATEGORIES, EVENT_TYPES, Enqueued, category_of, name_in, stream_of, type_of
from eventqueue.model.moments import moment_of
from eventqueue.model.names import one_of
from eventqueue.model.readable import Read, Unreadable

JOBS_MAX = 500  # that the database is asked for by their ids; of more it sends all events there are

OF_JOBS = frozenset({"job", "late"})
"""The categories that nearly all there is stands in."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which events; what is not given lets all through.

    `queue` and `tag` are those that the event's job was enqueued with: what it was changed to since has to be folded.
    """

    since: datetime | None = None  # when the log took it
    until: datetime | None = None
    types: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    actor: str | None = None  # a part of it, whatever the case
    queue: str | None = None
    tag: str | None = None
    jobs: frozenset[str] | None = None  # the ids of those of which alone they are wanted
    where: tuple[Condition, ...] = ()

    def check(self) -> None:
        """Raise InvalidInput for a type that no event has."""
        for name in self.types:
            if name not in EVENT_TYPES:
                raise InvalidInput("type", f"{name!r} is no type of event{one_of('the types', name, EVENT_TYPES)}")

    @property
    def needs_jobs(self) -> bool:
        """Whether how a job was enqueued has to be known of each event."""
        return self.queue is not None or self.tag is not None

    @property
    def categories(self) -> frozenset[str]:
        """The categories that alone have events of these types, where none of them is of jobs; else nothing."""
        kinds = {EVENT_TYPES[name] for name in self.types}
        found = frozenset(name for name, members in CATEGORIES.items() if kinds & {*members})
        return frozenset() if found & OF_JOBS else found

    def fits(self, one: Read) -> bool:
        """Whether an event fits, as far as that can be told without its job."""
        if self.streams and one.stream not in self.streams:
            return False
        if self.jobs is not None and (job_stream_of(one) is None or name_in(one.stream) not in self.jobs):
            return False
        taken = moment_of(one)
        if self.since is not None and (taken is None or taken < self.since):
            return False
        if self.until is not None and (taken is None or taken > self.until):
            return False
        if isinstance(one, Unreadable):  # by what cannot be read nothing is left out
            return True
        return (
            (not self.types or type_of(one.event) in self.types)
            and (self.actor is None or self.actor.casefold() in one.actor.casefold())
            and all(condition.holds(one) for condition in self.where)
        )

    def fits_job(self, one: Read, enqueued: Enqueued | None) -> bool:
        """Whether the event's job fits, as it was enqueued; a queue's own events are its, too."""
        if category_of(one.stream) == "queue":
            return self.tag is None and self.queue == name_in(one.stream)
        if enqueued is None:
            return not self.needs_jobs
        return self.queue in (None, enqueued.queue) and (self.tag is None or self.tag in enqueued.tags)

    def query(self) -> Mapping[str, Any]:
        """Return a filter on stored events that lets through at least all that fit, whenever they were taken."""
        parts: list[Mapping[str, Any]] = [condition.query() for condition in self.where]
        if self.types:
            parts.append({"type": {"$in": self.types}})
        if self.actor is not None:
            parts.append({"actor": {"$regex": re.escape(self.actor), "$options": "i"}})
        if self.jobs is not None and len(self.jobs) <= JOBS_MAX:
            streams = [stream_of(category, one) for category in sorted(OF_JOBS) for one in sorted(self.jobs)]
            parts.append({"_id.stream": {"$in": streams}})
        parts = [part for part in parts if part]
        return {"$and": parts} if parts else {}


def job_stream_of(one: Read) -> str | None:
    """Return the stream of the job that an event is about, None if it is about none."""
    return stream_of("job", name_in(one.stream)) if category_of(one.stream) in ("job", "late") else None
