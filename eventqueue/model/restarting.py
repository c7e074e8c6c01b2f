"""Restarting a job that has ended: a new one as the old one was last, which its first event names. Pure.

The new one's id is made of the old one's and of how many attempts that had had by its end. So who asks again, after an
outcome that stayed unknown or at the same moment, finds the job that is there, and the link is found from both sides
without a second event: the old one's stream stays as it ended, at the time at which it did.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from msgspec.structs import replace

from eventqueue.errors import IllegalTransition
from eventqueue.model.amending import AMENDABLE, Changes, amendment, changed, compared
from eventqueue.model.codec import to_ms
from eventqueue.model.events import Enqueued, Recorded
from eventqueue.model.fields import plain_of
from eventqueue.model.job import FINAL, Job, State, evolve

_SPACE = UUID("0c3b7a5e-64f1-5d0c-8a35-2f8f0f6a9e11")
_INSTEAD = {
    State.PENDING: "`queuectl set` changes it, and `queuectl cancel` ends it",
    State.PROCESSING: "`queuectl cancel` ends it",
    State.FAILED: "`queuectl retry` gives it a new budget of retries, and `queuectl cancel` ends it",
}


def successor(job_id: str, attempts: int) -> str:
    """Return the id of the job that is made by restarting one that had had so many attempts."""
    return str(uuid5(_SPACE, f"{job_id}\x00{attempts}"))


def successors(history: Iterable[Recorded]) -> list[str]:
    """Return the ids that jobs have, if there are any, that were made by restarting the one with this history."""
    found: dict[str, None] = {}
    job: Job | None = None
    for recorded in history:
        if job is None and not isinstance(recorded.event, Enqueued):
            return []  # of no job that could be told
        job = evolve(job, recorded)
        if job.state in FINAL:
            found[successor(job.id, job.attempts)] = None
    return list(found)


def alterations(asked: Mapping[str, Any], unset: Iterable[str] = ()) -> Changes:
    """Check in what a new job is to differ from the old one, which may be nothing. Raises InvalidInput."""
    taken = tuple(unset)
    if not taken and all(value is None for value in asked.values()):
        return Changes()
    return amendment(asked, taken)


def check_ended(job: Job) -> None:
    """Raise IllegalTransition for a job that has not ended, with what is to be used instead."""
    if job.state not in FINAL:
        raise IllegalTransition(f"Cannot restart job {job.id}: it is {job.state}; {_INSTEAD[job.state]}.")


def restarted(job: Job, asked: Changes, now: datetime, why: str | None = None) -> Enqueued:
    """Return the first event of the job that takes up what an old one was to do; `now`: the database's clock.

    It is due now, unless something else is asked for, and expires as long after as the old one did. It has no key: that
    stays the old one's. Raises IllegalTransition for one that has not ended, InvalidInput for what such a job cannot
    have.
    """
    check_ended(job)
    now = to_ms(now)
    fresh = replace(job, due_at=now, expires_at=None)
    _, terms = compared(fresh, asked, now)
    new = replace(fresh, **changed(fresh, terms, now))
    assert new.due_at is not None
    lasting = None if job.expires_at is None else job.expires_at - max(job.run_at, job.created_at)
    return Enqueued(
        run=new.run,
        queue=new.queue,
        run_at=new.due_at,
        max_retries=new.max_retries,
        backoff=new.backoff,
        asked=_plain(asked),
        priority=new.priority,
        timeout=new.timeout,
        expires_at=None if lasting is None else new.due_at + lasting,
        tags=new.tags,
        group=new.group,
        meta=new.meta,
        correlation=new.correlation,
        restart_of=job.id,
        why=why,
    )


def _plain(asked: Changes) -> dict[str, Any]:
    given = [name for name in AMENDABLE if getattr(asked.fields, name) is not None]
    return plain_of(asked.fields, given) | ({"unset": [*asked.unset]} if asked.unset else {})


def difference(asked: Enqueued, there: Enqueued) -> str | None:
    """Return the field in which a job that is there was asked for differently; None: it is the same restart."""
    if there.restart_of != asked.restart_of:
        return "id"
    for field in sorted(asked.asked.keys() | there.asked.keys()):
        if asked.asked.get(field) != there.asked.get(field):
            return field
    return None
