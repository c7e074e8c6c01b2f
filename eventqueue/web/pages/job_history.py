"""A job's history as a file: a line of JSON an event, byte for byte as `queuectl events --job ID --json` prints it."""

import re
from collections.abc import Iterator
from itertools import chain

from starlette.responses import Response

from eventqueue.audit.wanted import Wanted
from eventqueue.errors import JobNotFound
from eventqueue.model.events import stream_of
from eventqueue.model.readable import Read
from eventqueue.telling.documents import any_event
from eventqueue.telling.jsonl import json_line
from eventqueue.web.asked import Asked
from eventqueue.web.sending import Sending

PART = 64 * 1024  # bytes, or a line more, that are sent at once
NAME_MAX = 100  # characters of the file's name


def show(asked: Asked) -> Response:
    """Return all events of a job, and what came late for it, as they are read. Raises JobNotFound, or Refused."""
    job_id = asked.path["id"]
    found = asked.queue.events(
        Wanted(
            streams=(stream_of("job", job_id), stream_of("late", job_id)),
            until=None if asked.then is None else asked.then.moment,
        )
    )
    first = next(found, None)  # before anything is sent: what it is refused with is still a page
    if first is None:
        asked.seen.history(job_id, last=1)  # which says why there is none
        raise JobNotFound(job_id)
    name = re.sub(r"[^A-Za-z0-9._-]", "_", job_id)[:NAME_MAX]
    headers = {"Content-Disposition": f'attachment; filename="{name}.history.jsonl"'}
    return Sending(_parts(first, found), "application/x-ndjson", headers)


def _parts(first: Read, found: Iterator[Read]) -> Iterator[bytes]:
    # Where it cannot be read on, the answer breaks off, and is no whole file to whoever loads it.
    part = bytearray()
    for one in chain([first], found):
        part += json_line(any_event(one))
        if len(part) >= PART:
            yield bytes(part)
            part.clear()
    yield bytes(part)
