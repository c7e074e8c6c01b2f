"""What can be done to one job, and is done to it from its page."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from eventqueue.model.deeds import AMEND, CANCEL, RESTART, RETRY
from eventqueue.model.job import Job, State
from eventqueue.web.acting.act import Done, list_of
from eventqueue.web.acting.changes import OF_ONE, changes
from eventqueue.web.asked import Asked
from eventqueue.web.pages.job_links import path_of


class Offered(msgspec.Struct, frozen=True):
    """An act that a job's state allows: under which path, and what its button says."""

    path: str
    label: str
    is_danger: bool = False


def deeds(job: Job, now: datetime, *, is_restarted: bool) -> Sequence[Offered]:
    """Return what can be done to a job, but for changing it."""
    found = []
    if job.state in RETRY.possible:
        found.append(Offered("retry", "Retry"))
    if may_be_changed(job) and job.due_at is not None and job.due_at > now:
        found.append(Offered("run-now", "Run now"))
    if job.state in RESTART.possible and not is_restarted:
        found.append(Offered("restart", "Restart as a new job"))
    if job.state in CANCEL.possible:
        found.append(Offered("cancel", "Discard" if job.state is State.DEAD else "Cancel", is_danger=True))
    return found


def may_be_changed(job: Job) -> bool:
    """Whether it waits, so that its terms can be changed."""
    return job.state in AMEND.possible and job.due_at is not None


def _back(asked: Asked) -> str:
    """Return where to go on: at the job, or in the list that the act was asked for from."""
    return list_of(asked) or path_of(asked.path["id"])


def _given(asked: Asked) -> dict[str, str]:
    return {} if asked.why is None else {"why": asked.why}


def retry(asked: Asked) -> Done:
    """Bring a job back."""
    job_id = asked.path["id"]
    asked.queue.retry(job_id, **_given(asked))
    return Done(f"Job {job_id} is pending again", _back(asked))


def cancel(asked: Asked) -> Done:
    """Cancel a job."""
    job_id = asked.path["id"]
    done = asked.queue.cancel(job_id, **_given(asked))
    return Done(f"Job {job_id} is cancelled" + ("" if done.changed else " already"), _back(asked))


def run_now(asked: Asked) -> Done:
    """Have a job be due now."""
    job_id = asked.path["id"]
    asked.queue.amend(job_id, asked.why, delay=0)
    return Done(f"Job {job_id} is due", _back(asked))


def restart(asked: Asked) -> Done:
    """Have a new job do what one that has ended was to do, and go on there."""
    job_id = asked.path["id"]
    done = asked.queue.restart(job_id, asked.why)
    said = f"It takes up job {job_id}" if done.created else f"Job {job_id} was restarted before, as this one"
    return Done(said, path_of(done.id))


def amend(asked: Asked) -> Done:
    """Change those terms of a job for which something was typed."""
    job_id = asked.path["id"]
    fields = changes(asked.form, asked.now, OF_ONE)
    unset = [name for name in ("timeout", "tags") if f"no-{name}" in asked.form and name not in fields]
    done = asked.queue.amend(job_id, asked.why, unset=unset, **fields)
    return Done(f"Job {job_id} waits as asked" if done.changed else f"Job {job_id} was so already", path_of(job_id))
