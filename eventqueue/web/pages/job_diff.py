"""What differs between two versions of a job, or between two jobs, side by side."""

from datetime import datetime
from typing import Any

import msgspec

from eventqueue.audit.differences import ABSENT, Differing, differences
from eventqueue.errors import InvalidInput, Refused
from eventqueue.model.job import Job, fold
from eventqueue.telling.documents import differing, plain
from eventqueue.telling.words import count
from eventqueue.telling.zone import moment
from eventqueue.web.asked import Asked
from eventqueue.web.page import Shown

VALUE_MAX = 2000  # characters


class Side(msgspec.Struct, frozen=True):
    """What one of the two has in a field; None: it has no such field."""

    text: str | None
    more: int = 0


class Line(msgspec.Struct, frozen=True):
    """A field, and what the two have there."""

    field: str
    before: Side
    after: Side


def show(asked: Asked) -> Shown:
    """Show what differs: `with` names another job, `from` and `to` two versions of this one."""
    job_id = asked.path["id"]
    now = asked.seen.get(job_id)
    if other := asked.query.get("with", "").strip():
        before, after = now, asked.seen.get(asked.queue.resolve(other))
    else:
        before, after = (_at_version(asked, now, name, usual) for name, usual in (("from", 1), ("to", now.version)))
    found = [differing(one) for one in differences(before, after)]
    what = {"before": before, "after": after, "lines": [*map(_line, found)], "last": now.version}
    return Shown("job_diff.html", f"Diff of {job_id}", what)


def _at_version(asked: Asked, now: Job, name: str, usual: int) -> Job:
    text = asked.query.get(name, "").strip() or str(usual)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InvalidInput(name, f"cannot be {text!r}: give a version, from 1 to {now.version}")
    if not 1 <= int(text) <= now.version:
        raise Refused(f"Job {now.id} has {count(now.version, 'event')}, and no version {text}.")
    if int(text) == now.version:
        return now
    job = fold(asked.seen.history(now.id, before=int(text) + 1))
    assert job is not None
    return job


def _line(one: Differing) -> Line:
    before, after = map(_side, (one.before, one.after))
    return Line(".".join(one.path), before, after)


def _side(value: Any) -> Side:
    if value is ABSENT:
        return Side(None)
    text = _text(value)
    return Side(text[:VALUE_MAX], max(0, len(text) - VALUE_MAX))


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case datetime():
            return moment(value)
        case None:
            return "none"
        case _:
            return msgspec.json.encode(plain(value)).decode()
