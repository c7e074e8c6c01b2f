"""A job that is enqueued from a page: asking what it is to run and how, perhaps as another one does, and doing it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from eventqueue.api.enqueueing import Receipt, new_id
from eventqueue.api.queue import Queue
from eventqueue.errors import DifferentJob, InvalidInput, Refused, Unavailable, redact
from eventqueue.model.events import Enqueued
from eventqueue.web.acting.act import Done
from eventqueue.web.acting.alike import LONG, alike
from eventqueue.web.acting.changes import FIELDS, Read, changes
from eventqueue.web.asked import Asked
from eventqueue.web.page import Shown
from eventqueue.web.pages.job_links import path_of
from eventqueue.web.statuses import status_of


def _text(text: str, _: datetime) -> str:
    return text.replace("\r\n", "\n")  # as a browser sends the lines of a form


def _json(text: str, _: datetime) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError from error


# By field, as FIELDS: what it runs, then how.
WHAT: Mapping[str, tuple[str, str, Read]] = {
    "command": ("Command", "what the shell runs", _text),
    "cwd": ("Directory", "where it runs; else where this page was started", _text),
    "task": ("or task", "a Python task by its name, such as app.mail:send", _text),
    "args": ("Arguments", 'a list as JSON: ["ann@example.com", 7]', _json),
    "kwargs": ("and by name", 'an object as JSON: {"lang": "de"}', _json),
}
HOW: Mapping[str, tuple[str, str, Read]] = {
    **FIELDS,
    "queue": ("Queue", "default, if nothing is said", _text),
    "tags": ("Tags", "with commas between them", FIELDS["tags"][2]),
}
AGAIN = "To send this form again is safe: it is one job, however often it is sent."


def ask(asked: Asked) -> Shown:
    """Show what may be said of a job, as it is of one that is `like` it. Raises Refused, or JobNotFound."""
    if not asked.may_act:
        raise Refused("This is for looking only: no job can be enqueued here.")
    like = asked.query.get("like")
    if like is None:
        return _form({}, new_id())
    given, left = alike(job := asked.queue.get(like), {**WHAT, **HOW}, asked.now)
    shown = _form(given, new_id())
    return replace(shown, what={**shown.what, "like": job, "left": left})


def do(asked: Asked) -> Done | Shown:
    """Enqueue it: sent twice it is one job."""
    job_id = asked.form.get("id") or new_id()
    try:
        fields = changes(asked.form, asked.now, {**WHAT, **HOW})
        made = _enqueued(asked.queue, {**fields, "id": job_id})
    except DifferentJob:
        problem = f"This form became job {job_id} already: if it is sent again, it is another one."
        return _form(asked.form, new_id(), problem)
    except InvalidInput as error:
        return _form(asked.form, job_id, redact(str(error)))
    except Unavailable as error:  # who began with an empty form would enqueue a second one
        return _form(asked.form, job_id, redact(f"{error} {AGAIN}"), status_of(error))
    there = f"Job {made.id} was added already{', with the time that it has' if 'run_at' in fields else ''}"
    return Done(f"Job added: {made.id}" if made.created else there, path_of(made.id))


def _enqueued(queue: Queue, fields: Mapping[str, Any]) -> Receipt:
    """Enqueue it. Raises DifferentJob, but for its time: such as 10m is another one whenever it is sent."""
    try:
        return queue.enqueue(fields)
    except DifferentJob as error:
        if error.field != "run_at":
            raise
    first = queue.history(fields["id"], before=2)[0].event
    assert isinstance(first, Enqueued)
    return queue.enqueue({**fields, "run_at": first.asked.get("run_at")})


def _form(given: Mapping[str, str], job_id: str, problem: str | None = None, status: int = 400) -> Shown:
    what = {"what": WHAT, "how": HOW, "long": LONG, "given": given, "id": job_id, "problem": problem, "like": None}
    return Shown("enqueue.html", "New job", what, 200 if problem is None else status)
