"""Which jobs a filter lets through, and in what order they are listed: as one reads it, without any index. Pure."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from eventqueue.model.events import Shell, task_of
from eventqueue.model.fingerprint import fingerprint
from eventqueue.model.job import FINAL, Job, State
from eventqueue.ports.views import Filter, Trait

BY_THEIR_END = (State.FAILED, State.DEAD, State.CANCELLED)  # listed by when they became that

Place = tuple[datetime, int, bytes]
"""Where a job stands in a list: the greatest first."""


def place_of(job: Job, wanted: Filter) -> Place:
    """Return where a job stands in the list of what is wanted."""
    return _listed_at(job, wanted), job.nth, job.id.encode()


def trait_of(job: Job, wanted: Filter) -> Trait:
    """Return all that a job which is wanted may be counted by."""
    return Trait(
        state=job.state,
        queue=job.queue,
        task=task_of(job.run),
        tags=job.tags,
        message=None if job.last_error is None else job.last_error.told,
        at=_listed_at(job, wanted),
    )


def fits(job: Job, wanted: Filter) -> bool:
    """Whether a job is wanted, wherever it stands in the list."""
    return (
        wanted.state in (None, job.state)
        and (not wanted.state_in or job.state in wanted.state_in)
        and wanted.queue in (None, job.queue)
        and (not wanted.queue_in or job.queue in wanted.queue_in)
        and set(wanted.every_tag) <= set(job.tags)
        and wanted.task in (None, task_of(job.run))
        and wanted.key in (None, job.key)
        and wanted.group in (None, job.group)
        and wanted.restart_of in (None, job.restart_of)
        and (wanted.worker is None or (job.worker is not None and job.worker.startswith(wanted.worker)))
        and (wanted.priority_min is None or job.priority >= wanted.priority_min)
        and (wanted.priority_max is None or job.priority <= wanted.priority_max)
        and _is_of_then(job, wanted)
        and says(job.run.command if isinstance(job.run, Shell) else None, wanted.command)
        and failed_so(None if job.last_error is None else job.last_error.told, wanted)
        and has_meta(job.meta, wanted.meta)
    )


def is_by_end(wanted: Filter) -> bool:
    """Whether jobs are listed by when they failed, died or were cancelled: where no others are wanted."""
    return bool(wanted.any_state) and {*wanted.any_state} <= {*BY_THEIR_END}


def _listed_at(job: Job, wanted: Filter) -> datetime:
    return job.updated_at if is_by_end(wanted) else job.created_at


def _is_of_then(job: Job, wanted: Filter) -> bool:
    return (
        _is_within(_listed_at(job, wanted), wanted.since, wanted.until)
        and _is_within(job.created_at, wanted.created_since, wanted.created_until)
        and _is_within(job.updated_at if job.state in FINAL else None, wanted.ended_since, wanted.ended_until)
        and _is_within(job.due_at, None, wanted.due_before)
        and (wanted.due_after is None or (job.due_at is not None and job.due_at > wanted.due_after))
    )


def _is_within(at: datetime | None, since: datetime | None, until: datetime | None) -> bool:
    if since is None and until is None:
        return True
    return at is not None and (since is None or at >= since) and (until is None or at <= until)


def says(whole: str | None, part: str | None) -> bool:
    """Whether a text has a part in it, whatever their case; no part is in all, and in no text is none."""
    # Not by a pattern: for one text of many like characters in another that takes the product of their lengths.
    return part is None or (whole is not None and _caseless(part) in _caseless(whole))


class _Cases(dict[int, str]):
    """Letters, by their codes, as they are where case is nothing: of each letter one, as the database has it."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        self[code] = found = next((one for one in (letter.casefold(), letter.lower()) if len(one) == 1), letter)
        return found


_CASES = _Cases()


def _caseless(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_CASES)


def failed_so(told: str | None, wanted: Filter) -> bool:
    """Whether a job's last error, as it is told, is such a one."""
    return says(told, wanted.error) and (
        wanted.fingerprint is None or (told is not None and fingerprint(told) == wanted.fingerprint)
    )


def has_meta(meta: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    """Whether a job's meta has these values: each a text, or in JSON."""
    return all(name in meta and is_meant(meta[name], text) for name, text in wanted.items())


def is_meant(value: Any, text: str) -> bool:
    """Whether a value is what a text stands for."""
    # By type, too: True is no 1.
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in meanings(text))


def meanings(text: str) -> list[Any]:
    """Return what a text stands for: itself, and the JSON value that it may be."""
    found: list[Any] = [text]
    with suppress(msgspec.DecodeError, RecursionError):
        found.append(msgspec.json.decode(text))
    return found


def storable(text: str) -> Sequence[Any] | None:
    """Return those of the meanings of a text that a database can be asked for; None where an object or a list is meant.

    Of these it is not asked: some it would take for a question of its own, and some it cannot hold.
    """
    return askable(meanings(text))


def askable(found: Sequence[Any]) -> Sequence[Any] | None:
    """As `storable`, of the meanings that there are."""
    if any(isinstance(one, list | dict) for one in found):
        return None
    return [one for one in found if type(one) is not int or abs(one) < 2**63]
