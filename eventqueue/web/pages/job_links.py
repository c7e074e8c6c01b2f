"""Sentences about a job, with what they name as links."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

import msgspec

from eventqueue.audit.clauses import Clause, Place, Reason, Why, sentence
from eventqueue.model import acts, lives, pause
from eventqueue.model.events import category_of, name_in
from eventqueue.model.job import Job
from eventqueue.web.asked import Asked

_RUNNING = re.compile(r"([A-Za-z0-9._:-]+) for ")  # as `audit.waiting.busy` names the jobs that keep slots busy


def path_of(job_id: str) -> str:
    """Return the path of a job's page."""
    return f"/jobs/{quote(job_id, safe='')}"


class Piece(msgspec.Struct, frozen=True):
    """A part of a sentence, and where it leads; None: nowhere. `is_code`: it is to be typed."""

    text: str
    href: str | None = None
    is_code: bool = False


class Told(msgspec.Struct, frozen=True):
    """A clause as it is shown: its kind, its sentence in pieces, where its event is, and until when it holds."""

    kind: str
    pieces: Sequence[Piece]
    evidence: Piece | None
    until: datetime | None


def clauses(asked: Asked, job: Job, found: Why) -> list[Told]:
    """Return why a job is so, clause by clause."""
    return [
        Told(
            one.kind,
            [*linked(sentence(one), _named(asked, job, one), one.commands)],
            None if one.event is None else _evidence(asked, job, one.event),
            one.until,
        )
        for one in found.clauses
    ]


def linked(text: str, links: Mapping[str, str], commands: Sequence[str]) -> Iterator[Piece]:
    """Yield a sentence in pieces: a name that stands in it as a word leads where `links` says, `commands` are code."""
    to_type = re.compile("|".join(f"`({re.escape(one)})`" for one in commands) or "(?!)")
    place = 0
    for found in to_type.finditer(text):
        yield from _named_in(text[place : found.start()], links)
        yield Piece(found[0].strip("`"), is_code=True)
        place = found.end()
    yield from _named_in(text[place:], links)


def told_with(text: str, *commands: str) -> Sequence[Piece]:
    """Return a sentence of our own, with commands where it has `{}`, in pieces."""
    return [*linked(text.format(*(f"`{one}`" for one in commands)), {}, commands)]


def _named_in(text: str, links: Mapping[str, str]) -> Iterator[Piece]:
    names = sorted(filter(None, links), key=len, reverse=True)
    if not names or not text:
        yield from [Piece(text)] if text else []
        return
    words = re.compile(rf"(?<![\w.:-])({'|'.join(map(re.escape, names))})(?![\w-])")
    for place, part in enumerate(words.split(text)):
        if part:
            yield Piece(part, links[part] if place % 2 else None)


def _named(asked: Asked, job: Job, clause: Clause) -> Mapping[str, str]:
    """Return what a clause may name, with where that is."""
    found: dict[str, str] = {}
    if clause.kind in (Reason.UNSERVED, Reason.PAUSED):
        found[job.queue] = asked.link(f"/queues/{quote(job.queue, safe='')}")
    if job.worker is not None:
        found[job.worker] = asked.link(f"/workers/{quote(job.worker, safe='')}")
    if clause.kind is Reason.BUSY:
        named = _RUNNING.findall(clause.text.partition("busy: ")[2])
        found |= {one: asked.link(path_of(one)) for one in named}
    if job.restart_of is not None:
        found[job.restart_of] = asked.link(path_of(job.restart_of))
    if clause.event is not None and clause.kind is Reason.RESTARTED:
        other = name_in(clause.event.stream)
        found[other] = asked.link(path_of(other))
    return found


def _evidence(asked: Asked, job: Job, place: Place) -> Piece:
    if place.stream == job.stream:
        return Piece(f"event {place.version}", asked.link(path_of(job.id)) + f"#v{place.version}")
    return Piece(f"event {place.version} of {place.stream}", href_of(asked, place.stream))


def href_of(asked: Asked, stream: str) -> str | None:
    """Return where what a stream tells of is shown, None where that is nowhere."""
    name = quote(name_in(stream), safe="")
    pages = {
        "job": f"/jobs/{name}",
        "schedule": f"/schedules/{name}",
        pause.CATEGORY: f"/queues/{name}",
        lives.CATEGORY: f"/workers/{name}",
        acts.CATEGORY: f"/audit/acts/{name}",
    }
    path = pages.get(category_of(stream))
    return None if path is None else asked.link(path)
