"""What can be done to one job, and is done to it from its page."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from eventqueue.errors import InvalidInput
from eventqueue.model import times
from eventqueue.model.deeds import AMEND, CANCEL, RESTART, RETRY
from eventqueue.model.job import Job, State
from eventqueue.system.zones import zone
from eventqueue.web.acting.act import Done
from eventqueue.web.asked import Asked
from eventqueue.web.pages.job_links import path_of

Read = Callable[[str, datetime], Any]


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


def _given(asked: Asked) -> dict[str, str]:
    return {} if asked.why is None else {"why": asked.why}


def retry(asked: Asked) -> Done:
    """Bring a job back."""
    job_id = asked.path["id"]
    asked.queue.retry(job_id, **_given(asked))
    return Done(f"Job {job_id} is pending again", path_of(job_id))


def cancel(asked: Asked) -> Done:
    """Cancel a job."""
    job_id = asked.path["id"]
    done = asked.queue.cancel(job_id, **_given(asked))
    return Done(f"Job {job_id} is cancelled" + ("" if done.changed else " already"), path_of(job_id))


def run_now(asked: Asked) -> Done:
    """Have a job be due now."""
    job_id = asked.path["id"]
    asked.queue.amend(job_id, asked.why, delay=0)
    return Done(f"Job {job_id} is due", path_of(job_id))


def restart(asked: Asked) -> Done:
    """Have a new job do what one that has ended was to do, and go on there."""
    job_id = asked.path["id"]
    done = asked.queue.restart(job_id, asked.why)
    said = f"It takes up job {job_id}" if done.created else f"Job {job_id} was restarted before, as this one"
    return Done(said, path_of(done.id))


def amend(asked: Asked) -> Done:
    """Change those terms of a job for which something was typed."""
    job_id = asked.path["id"]
    given = {name: text for name in READ if (text := asked.form.get(name, "").strip())}
    unset = [name for name in ("timeout", "tags") if f"no-{name}" in asked.form and name not in given]
    fields = {READ_AS.get(name, name): _read(name, text, asked.now) for name, text in given.items()}
    done = asked.queue.amend(job_id, asked.why, unset=unset, **fields)
    return Done(f"Job {job_id} waits as asked" if done.changed else f"Job {job_id} was so already", path_of(job_id))


def _read(name: str, text: str, now: datetime) -> Any:
    try:
        return READ[name](text, now)
    except (ValueError, OverflowError):
        raise InvalidInput(name, f"cannot be {text!r}: {_SUCH[name]}") from None


def _whole(text: str, _: datetime) -> int:
    return int(text)


def _as_typed(text: str, _: datetime) -> str:
    return text


def _labels(text: str, _: datetime) -> list[str]:
    return [one for part in text.split(",") if (one := part.strip())]


def _coming(text: str, now: datetime) -> datetime:
    return times.meant_at(times.typed(text, UTC, zone, ahead=True), now, ahead=True)


READ: dict[str, Read] = {
    "priority": _whole,
    "queue": _as_typed,
    "due": _coming,
    "max_retries": _whole,
    "timeout": _as_typed,
    "tags": _labels,
    "command": _as_typed,
}
READ_AS = {"due": "run_at"}
_SUCH = {
    "priority": "give a whole number",
    "max_retries": "give a whole number",
    "due": "give a time such as 10m (from now), 18:00 or 2026-11-28T03:12",
}
