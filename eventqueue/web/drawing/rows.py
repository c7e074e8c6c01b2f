"""Jobs as rows of a list: what there is to see of each at a glance."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from eventqueue.api.queue import Queue
from eventqueue.api.then import Then
from eventqueue.model.ends import shown_among
from eventqueue.model.job import Job
from eventqueue.model.waits import Kind, Wait
from eventqueue.telling.states import error_of, state_of
from eventqueue.telling.words import apart, far, waiting


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A job; `shown`: its id as far as it tells it from the others; `waits`: for what, if not for a slot alone."""

    job: Job
    shown: str
    state: str
    waits: str | None
    why: str | None
    far: str | None
    percent: int | None
    error: str | None


def rows(seen: Queue | Then, jobs: Sequence[Job], now: datetime) -> Sequence[Row]:
    """Return a row for each job, in order; what they wait for and how far they are is asked for all at once."""
    waits, progress, shown = seen.waits(jobs), seen.progress(jobs), shown_among(job.id for job in jobs)
    found = []
    for job in jobs:
        wait, told = waits.get(job.id), progress.get(job.id)
        found.append(
            Row(
                job=job,
                shown=shown(job.id),
                state=state_of(job, now),
                waits=_waits(wait, now),
                why=None if wait is None else wait.why,
                far=None if told is None else far(told),
                percent=None if told is None else told.percent,
                error=error_of(job),
            )
        )
    return found


def _waits(wait: Wait | None, now: datetime) -> str | None:
    if wait is None or wait.kind is Kind.DUE:
        return None
    return apart(wait.until, now) if wait.until is not None and wait.kind is Kind.LATER else waiting(wait, now)
