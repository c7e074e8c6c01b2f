"""All of one job for people: what is set, field by field, and the end of what it wrote."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec
from rich.text import Text

from eventqueue.cli.render.documents import hidden
from eventqueue.cli.render.tables import COLOURS
from eventqueue.cli.render.words import count, instant, span, waiting
from eventqueue.model.events import Cancelled, Captured, Output, Recorded
from eventqueue.model.job import Job, State
from eventqueue.model.waits import Kind, Wait
from eventqueue.system.printable import clean

LABEL = 12
BACK = "any worker that lives brings it back"
LINES = 10  # of output at most


def details(
    job: Job,
    last: Recorded,
    output: Output | None,
    wait: Wait | None,
    now: datetime,
    *,
    silent: datetime | None = None,
    show_env: bool = False,
) -> Text:
    """Return the job's fields that are set, then its last attempt's output; `last`: its last event.

    `silent`: since when its worker is so.
    """
    env = job.run.env if show_env else hidden(job.run.env)
    standing = _standing(job, wait, now, silent)
    if isinstance(last.event, Cancelled):
        standing += f" by {last.actor}: {last.event.why}"
    fields = _fields(job, standing, env)
    lines = [Text.assemble((f"{label:<{LABEL}} ", "dim"), value) for label, value in fields]
    return Text("\n").join([*lines, *_output(output)])


def _fields(job: Job, standing: str, env: Mapping[str, str]) -> Iterator[tuple[str, Text]]:
    yield "id", Text(job.id, "bold")
    yield "state", Text(clean(standing), COLOURS[job.state])
    for label, value in (*_asked(job, env), *_times(job), *_outcome(job)):
        if value is not None and value != "":
            yield label, Text(clean(str(value)))


def _standing(job: Job, wait: Wait | None, now: datetime, silent: datetime | None) -> str:
    waits = "" if wait is None else f", {_reason(wait, now)}"
    match job.state:
        case State.FAILED if job.due_at:
            return f"failed, retry {job.failures} of {job.max_retries}{waits}"
        case State.PROCESSING if job.claimed_at:
            lost = f", which is silent since {instant(silent, 'seconds')}: {BACK}" if silent else ""
            return f"processing for {span((now - job.claimed_at).total_seconds())} by {job.worker}{lost}"
        case state:
            return f"{state}{waits}"


def _reason(wait: Wait, now: datetime) -> str:
    since = None if wait.since is None else instant(wait.since, "seconds")
    match wait.kind:
        case Kind.PARKED:
            return f"parked: no worker finds it until its view goes on, see `queuectl projections list` ({wait.why})"
        case Kind.EXPIRED:
            return f"expired at {since}: it will be cancelled instead of run"
        case Kind.PAUSED:
            return f"its queue is paused since {since} by {wait.by}" + (f": {wait.why}" if wait.why else "")
        case Kind.UNSERVED:
            return f"due since {since}, and no worker serves its queue"
        case Kind.LATER:
            return f"due {waiting(wait, now)}"
        case Kind.DUE:
            return "due now"


def _asked(job: Job, env: Mapping[str, str]) -> Iterator[tuple[str, object]]:
    yield "command", job.run.command
    yield "directory", job.run.cwd
    yield "environment", " ".join(f"{name}={value}" for name, value in env.items())
    yield "queue", job.queue
    yield "priority", job.priority
    yield "retries", f"{job.max_retries}, after {job.backoff.base:g}ⁿ s, {job.backoff.cap:g} s at most"
    yield "timeout", job.timeout and span(job.timeout)
    yield "key", job.key
    yield "tags", ", ".join(job.tags)
    yield "group", job.group
    yield "meta", msgspec.json.encode(job.meta).decode() if job.meta else None
    yield "correlation", job.correlation


def _times(job: Job) -> Iterator[tuple[str, object]]:
    yield "created", instant(job.created_at)
    yield "run at", instant(job.run_at)
    yield "expires", job.expires_at and instant(job.expires_at)
    yield "updated", f"{instant(job.updated_at)} (version {job.version})"


def _outcome(job: Job) -> Iterator[tuple[str, object]]:
    yield "attempts", f"{job.attempts}, {count(job.failures, 'failure')}"
    if job.last_error:
        yield "last error", job.last_error.message
    if job.result:
        yield "exit code", job.result.exit_code
        yield "duration", None if job.result.duration is None else span(job.result.duration)
        yield "value", None if job.result.value is None else msgspec.json.encode(job.result.value).decode()


def _output(output: Output | None) -> Iterator[Text]:
    if output is not None:
        yield from _captured("stdout", output.stdout)
        yield from _captured("stderr", output.stderr)


def _captured(name: str, captured: Captured) -> Iterator[Text]:
    if captured.length:
        lines = captured.text.splitlines()
        whole = len(captured.text.encode(errors="surrogatepass")) >= captured.length and len(lines) <= LINES
        part = "" if whole else f", the end of {count(captured.length, 'byte')}: `queuectl logs` has more"
        yield Text(f"{name}{part}", "dim")
        yield from (Text(f"  {clean(line.expandtabs())}") for line in lines[-LINES:])
