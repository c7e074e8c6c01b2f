"""What is set of a job, where it comes from, and what of it is sealed."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import msgspec

from eventqueue.api.sealing import Seals
from eventqueue.audit.filters import text_of
from eventqueue.audit.seals import Seal
from eventqueue.errors import QueueError
from eventqueue.model.events import Call, Enqueued, Recorded, Shell, name_in
from eventqueue.model.job import Job
from eventqueue.ports.views import Filter
from eventqueue.schedules.ticks import tick_of, told
from eventqueue.telling.documents import HIDDEN
from eventqueue.telling.words import count, span
from eventqueue.web.asked import Asked
from eventqueue.web.pages.job_links import Piece, path_of, told_with

TEXT_MAX = 4000  # characters of what a job runs, and of its meta
TAGS_MAX = 50


class Fact(msgspec.Struct, frozen=True):
    """What there is under a name, and where that leads."""

    label: str
    text: str
    href: str | None = None
    is_code: bool = False


class Long(msgspec.Struct, frozen=True):
    """A text that may be very long: its beginning, and how many characters more it has."""

    label: str
    text: str
    more: int = 0


def of(label: str, text: str) -> Long:
    """Return a text as far as it is shown."""
    return Long(label, text[:TEXT_MAX], max(0, len(text) - TEXT_MAX))


def ran(job: Job) -> Sequence[Long]:
    """Return what a job runs; of its environment the names alone."""
    match job.run:
        case Shell(command=command, cwd=cwd, env=env):
            names = " ".join(f"{name}={HIDDEN}" for name in env)
            parts = (("command", command), ("directory", cwd), ("environment", names))
        case Call(task=task, args=args, kwargs=kwargs):
            given = [*map(_indented, args), *(f"{name} = {_indented(one)}" for name, one in kwargs.items())]
            parts = (("task", task), ("arguments", "\n".join(given)), ("", ""))
    return [of(label, text) for label, text in parts if text]


def _indented(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def facts(asked: Asked, job: Job) -> Sequence[Fact]:
    """Return what is set, what is not left out."""
    return [one for one in _facts(asked, job) if one.text]


def _facts(asked: Asked, job: Job) -> Iterator[Fact]:
    yield Fact("queue", job.queue, _jobs(asked, queue=job.queue))
    yield Fact("priority", str(job.priority))
    yield Fact("attempts", f"{job.attempts}, {count(job.failures, 'failure')} of {job.max_retries + 1} allowed")
    yield Fact("retries", f"{job.max_retries}, after {job.backoff.base:g}ⁿ s, {job.backoff.cap:g} s at most")
    yield Fact("timeout", "" if job.timeout is None else span(job.timeout))
    if job.result is not None:
        yield Fact("exit code", "" if job.result.exit_code is None else str(job.result.exit_code))
        yield Fact("ran", "" if job.result.duration is None else span(job.result.duration))
        yield Fact("value", _json(job.result.value))
    yield Fact("key", job.key or "", job.key and _jobs(asked, key=job.key))
    yield Fact("group", job.group or "", job.group and _jobs(asked, group=job.group))
    yield Fact("meta", _json(job.meta or None))


def _json(value: Any) -> str:
    if value is None:
        return ""
    long = of("", msgspec.json.encode(value).decode())
    return f"{long.text}… and {long.more:,} more characters" if long.more else long.text


def _jobs(asked: Asked, **fields: Any) -> str:
    return asked.link("/jobs", q=text_of(Filter(**fields)))


def tags(asked: Asked, job: Job) -> tuple[Sequence[Piece], int]:
    """Return a job's tags as far as they are shown, and how many more it has."""
    some = [Piece(tag, _jobs(asked, tags=(tag,))) for tag in job.tags[:TAGS_MAX]]
    return some, len(job.tags) - len(some)


def lineage(asked: Asked, job: Job, first: Recorded, restarts: Sequence[str]) -> Sequence[Fact]:
    """Return where a job comes from, and what came of it."""
    return [*_origins(asked, job, first), *(Fact("restarted as", one, asked.link(path_of(one))) for one in restarts)]


def _origins(asked: Asked, job: Job, first: Recorded) -> Iterator[Fact]:
    yield Fact("made by", first.actor)
    if (made := tick_of(job.id, job.correlation)) is not None:
        name, _ = made
        yield Fact("schedule", told(job.id, job.correlation) or name, asked.link(f"/schedules/{quote(name, safe='')}"))
    elif job.correlation:
        yield Fact("correlation", job.correlation)
    if job.restart_of is not None:
        yield Fact("restart of", job.restart_of, asked.link(path_of(job.restart_of)))
        yield Fact("all restarts of it", "in a list", _jobs(asked, restart_of=job.restart_of))
    if isinstance(first.event, Enqueued) and first.event.act is not None:
        yield Fact("act", first.event.act, asked.link(f"/audit/acts/{quote(first.event.act, safe='')}"))
    if first.cause is not None:
        yield Fact("caused by event", first.cause.hex())


def sealed(asked: Asked, last: Recorded) -> Sequence[Piece] | None:
    """Say, in pieces, whether a job's last event is under a seal, None where there is nothing to say: of the past."""
    if asked.then is not None:
        return None
    with suppress(QueueError):
        return _sealed(Seals(asked.queue.connection).last(), last)
    return told_with("The last seal cannot be read: {} tells why.", "queuectl audit verify")


def _sealed(seal: Seal | None, last: Recorded) -> Sequence[Piece]:
    if seal is None:
        return told_with("The log has no seal: {} makes one.", "queuectl audit seal")
    prove = f"queuectl audit prove {name_in(last.stream)}"
    if last.ts is not None and (last.ts.time, last.ts.inc) <= seal.until:
        return told_with(f"All of it is under seal {seal.number:,}: {{}} takes the proof out.", prove)
    said = f"Its last event came after seal {seal.number:,}: the next one covers it. Of what was before, "
    return told_with(f"{said}{{}} takes the proof out.", prove)
