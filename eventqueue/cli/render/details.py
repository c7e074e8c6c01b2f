"""All of one job for people: what is set, field by field, where it failed, and the end of what it wrote."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec
from rich.text import Text

from eventqueue.cli.render.jobs import state
from eventqueue.model.events import Call, Captured, Output, Run, Shell
from eventqueue.model.job import Job, State
from eventqueue.model.progress import Progress
from eventqueue.schedules.ticks import told
from eventqueue.system.printable import clean
from eventqueue.telling.documents import hidden
from eventqueue.telling.states import state_of
from eventqueue.telling.words import count, far, span
from eventqueue.telling.zone import with_age

LABEL = 12
LINES = 10  # of output at most


def details(
    job: Job,
    why: str,
    output: Output | None,
    now: datetime,
    progress: Progress | None = None,
    *,
    show_env: bool = False,
    is_so_far: bool = False,
    restarts: Sequence[str] = (),
) -> Text:
    """Return the job's fields that are set, where its last failure came from, unless all went well since, and output.

    `now`: ages are seen from it. `why` it is in its state; `output`: of its last attempt; `is_so_far`: which runs.
    `restarts`: the jobs that take it up.
    """
    fields = [*_fields(job, why, now, progress, show_env=show_env), *_restarts(restarts)]
    lines = [Text.assemble((f"{label:<{LABEL}} ", "dim"), value) for label, value in fields]
    return Text("\n").join([*lines, *_traceback(job), *_output(output, is_so_far=is_so_far)])


def _fields(
    job: Job, why: str, now: datetime, progress: Progress | None, *, show_env: bool
) -> Iterator[tuple[str, Text]]:
    yield "id", Text(job.id, "bold")
    yield "state", state(state_of(job, now))
    yield "why", Text(clean(why))
    if progress is not None:
        yield "progress", Text(clean(far(progress)))
    for label, value in (*_runs(job.run, show_env=show_env), *_asked(job), *_times(job, now), *_outcome(job)):
        if value is not None and value != "":
            yield label, Text(clean(str(value)))


def _runs(run: Run, *, show_env: bool) -> Iterator[tuple[str, object]]:
    match run:
        case Shell():
            env = run.env if show_env else hidden(run.env)
            yield "command", run.command
            yield "directory", run.cwd
            yield "environment", " ".join(f"{name}={value}" for name, value in env.items())
        case Call():
            yield "task", run.task
            yield "arguments", ", ".join(run.given)


def _asked(job: Job) -> Iterator[tuple[str, object]]:
    yield "queue", job.queue
    yield "priority", job.priority
    own = ", unless its task says otherwise" if isinstance(job.run, Call) else ""  # by a function, or a Retry
    yield "retries", f"{job.max_retries}, after {job.backoff.base:g}ⁿ s, {job.backoff.cap:g} s at most{own}"
    yield "timeout", job.timeout and span(job.timeout)
    yield "key", job.key
    yield "tags", ", ".join(job.tags)
    yield "group", job.group
    yield "meta", msgspec.json.encode(job.meta).decode() if job.meta else None
    yield "correlation", job.correlation
    yield "made by", told(job.id, job.correlation)
    yield "restart of", job.restart_of


def _restarts(ids: Sequence[str]) -> Iterator[tuple[str, Text]]:
    if ids:
        yield "restarted as", Text(clean(", ".join(ids)))


def _times(job: Job, now: datetime) -> Iterator[tuple[str, object]]:
    yield "created", with_age(job.created_at, now)
    yield "run at", with_age(job.run_at, now)
    yield "due at", job.due_at and with_age(job.due_at, now)
    yield "expires", job.expires_at and with_age(job.expires_at, now)
    yield "updated", f"{with_age(job.updated_at, now)} (version {job.version})"


def _outcome(job: Job) -> Iterator[tuple[str, object]]:
    yield "attempts", f"{job.attempts}, {count(job.failures, 'failure')}"
    if job.last_error:
        yield "last error", job.last_error.told
    if job.result:
        yield "exit code", job.result.exit_code
        yield "duration", None if job.result.duration is None else span(job.result.duration)
        yield "value", None if job.result.value is None else msgspec.json.encode(job.result.value).decode()


def _traceback(job: Job) -> Iterator[Text]:
    if job.state is not State.COMPLETED and job.last_error is not None and job.last_error.traceback:
        yield Text("traceback", "dim")
        yield from map(Text, indented(job.last_error.traceback.splitlines()))


def indented(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines that others wrote, set in below ours and made fit to be shown."""
    return (f"  {clean(line.expandtabs())}" for line in lines)


def _output(output: Output | None, *, is_so_far: bool) -> Iterator[Text]:
    if output is not None:
        so_far = " so far" if is_so_far else ""
        yield from _captured(f"stdout{so_far}", output.stdout)
        yield from _captured(f"stderr{so_far}", output.stderr)


def _captured(name: str, captured: Captured) -> Iterator[Text]:
    if captured.length:
        lines = captured.text.splitlines()
        whole = len(captured.text.encode(errors="surrogatepass")) >= captured.length and len(lines) <= LINES
        part = "" if whole else f", the end of {count(captured.length, 'byte')}: `queuectl logs` has more"
        yield Text(f"{name}{part}", "dim")
        yield from map(Text, indented(lines[-LINES:]))
