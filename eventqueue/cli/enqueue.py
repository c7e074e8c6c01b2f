"""`queuectl enqueue`: one job as JSON or as plain words, or a file of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from eventqueue.cli.importing import imports_of, with_imports
from eventqueue.cli.known import QUEUE, TAG
from eventqueue.cli.options import Command, command
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import (
    ARGUMENTS,
    FILE,
    META,
    SECONDS,
    SUCH_COMING,
    TEXT,
    TIMES,
    VARIABLE,
    coming,
    coming_at,
    json_object,
    timed,
)
from eventqueue.errors import InvalidInput

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
WORDS = "eventqueue.cli.words"


class Enqueue(Command):
    """Takes what follows `--` as a command's words, whatever they look like."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See click.Command."""
        if "--" in args:
            end = args.index("--")
            ctx.meta[WORDS] = args[end + 1 :]
            args = args[:end]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        """See click.Command."""
        return ["[OPTIONS]", "JSON | --file FILE | -- COMMAND..."]


# Which job it is, and when it may run.
PLACE = (
    click.option("--id", "id", help="The job's id; the same id again is the same job."),
    click.option("--run-at", metavar="TIME", help=f"Not before this time, {SUCH_COMING}."),
    click.option("--delay", type=SECONDS, help="Not before so long from now, such as 90, 10m or 1h30m."),
    click.option("--expires-at", metavar="TIME", help="Cancelled if it has not begun by such a time."),
    click.option("--key", help="Idempotency key: the same key in the same queue is the same job."),
)
FIELDS = (
    click.option("--queue", shell_complete=QUEUE.shell_complete, help="Queue it goes to."),
    click.option("--priority", type=int, help="Higher runs first."),
    click.option("--max-retries", type=int, help="How often it is tried again."),
    click.option("--backoff-base", type=float, metavar="N", help="The n-th retry waits N to the power of n seconds."),
    click.option("--backoff-cap", type=SECONDS, help="Longest wait for a retry."),
    click.option("--backoff-jitter", type=float, metavar="0..1", help="Part of a wait that chance may add to it."),
    click.option("--timeout", type=SECONDS, help="How long it may run."),
    click.option(
        "--tag", "tags", shell_complete=TAG.shell_complete, multiple=True, help="A tag; several may be given."
    ),
    click.option("--group", help="Group it belongs to."),
    click.option("--env", type=VARIABLE, multiple=True, help="Environment variable; several may be given."),
    click.option("--cwd", metavar="DIRECTORY", help="Where it runs, seen from here; ~ is your home [default: here]."),
    click.option("--meta", type=META, metavar="JSON", help="A JSON object of your own, kept with the job."),
)


def with_options(options: Sequence[Decorator]) -> Decorator:
    """Return what gives a command these options, in their order."""

    def give(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return give


@command("enqueue", cls=Enqueue)
@click.argument("job", nargs=-1)
@click.option("--file", "path", type=FILE, metavar="FILE", help="A job a line; - is stdin.")
@click.option("--task", type=TEXT, help="A Python task, as workers that import its module know it.")
@click.option("--args", "arguments", type=ARGUMENTS, help="Its arguments: a JSON list, or an object of them by name.")
@click.option("--skip-invalid", is_flag=True, help="With --file: leave out lines that are no jobs.")
@with_imports
@with_options((*PLACE, *FIELDS))
@with_session
def enqueue(
    session: Session,
    /,
    *,
    job: tuple[str, ...],
    path: str | None,
    skip_invalid: bool,
    task: str | None,
    arguments: Mapping[str, Any] | None,
    modules: Sequence[str],
    import_path: Sequence[str],
    **options: Any,
) -> int | None:
    """Add a job, or a file of jobs.

    Fields of a JSON job: command, or task with args and kwargs; id, queue, priority, run_at or delay,
    expires_at or expires (so long after its time), max_retries, backoff {base, cap, jitter}, timeout, key, tags, group,
    correlation, env, cwd, meta. A duration is seconds, or such as "10m"; a time is as of --run-at.

    After --, several words are run as they are, quoted for the shell; a single one is a whole shell line. The
    options for fields go with such a command, and with --task. The arguments of a task are checked where its module
    is imported here; else whoever runs it finds out. In a file nothing is added unless every line is a job; one that
    asks for other things under the id or key of a job that is there is refused, and the others are added.

    \b
    queuectl enqueue '{"command": "echo hello world"}'
    queuectl enqueue '{"command": "make", "queue": "ci", "max_retries": 0, "timeout": 600}'
    queuectl enqueue --queue mail --delay 10m -- ls -l /tmp
    queuectl enqueue -- 'sort words | uniq -c > counts'
    queuectl enqueue --file jobs.jsonl
    queuectl enqueue --task app.tasks.send --args '{"to": "ann", "n": 3}' --delay 10m
    """
    words = click.get_current_context().meta.get(WORDS)
    times = {name: coming(options[name], name) for name in TIMES if options[name] is not None}
    fields = given_fields(options)
    called = {} if task is None else {"task": task, **(arguments or {})}
    _check_usage(job, path, words, called, arguments, skip_invalid=skip_invalid, fields=fields)
    asked = called | fields if called else _asked(job, words, fields)

    def load() -> None:
        imports_of(modules, import_path).load(session.out)

    if path is not None:
        from eventqueue.cli.bulk import enqueue_file

        return enqueue_file(session, path, load, skip_invalid=skip_invalid)
    if modules or "task" in asked:
        load()
    if task is not None:
        check_call(task, arguments)
    from eventqueue.cli.render import existing
    from eventqueue.telling import documents

    with session.queue() as queue:
        now = queue.connection.ground.clock.now()
        at = {name: coming_at(one, now, name) for name, one in times.items()}
        with typed_as_json(job):
            receipt = queue.enqueue(timed(asked, now) if job else asked | at)
    session.out.document(lambda: documents.enqueued(receipt))
    if receipt.created:
        session.out.done(f"Job added: {receipt.id}")
    else:
        (session.out.warn if existing.is_surprising(receipt) else session.out.note)(
            existing.sentence(receipt, asked.get("key") or receipt.id)
        )
    session.out.bare(receipt.id)
    return None


def given_fields(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that were given, as the API names them."""
    given = {name: value for name, value in options.items() if value not in (None, ())}
    backoff = {part: given.pop(f"backoff_{part}") for part in ("base", "cap", "jitter") if f"backoff_{part}" in given}
    if backoff:
        given["backoff"] = backoff
    if "tags" in given:
        given["tags"] = list(given["tags"])
    if "env" in given:
        given["env"] = dict(given["env"])
    return given


def check_call(task: str, arguments: Mapping[str, Any] | None) -> None:
    """Refuse arguments that do not fit a task that is known here. Raises click.UsageError.

    Before they are among a job's fields: a parameter may be called as one of them, or as an option.
    """
    from eventqueue.model.events import Call
    from eventqueue.tasks import registry

    if (found := registry.find(task)) is None:
        return
    try:
        found.contract.checked(Call(task=found.name, **(arguments or {})))
    except InvalidInput as error:
        raise click.UsageError(f"--args: {error.problem if error.field == 'args' else error}") from error


def _asked(job: tuple[str, ...], words: list[str] | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the one job, none where it is a file of them."""
    if words is not None:
        return {**fields, "command": command_line(words)}
    return job_in(job[0]) if job else {}


def _check_usage(
    job: tuple[str, ...],
    path: str | None,
    words: list[str] | None,
    called: Mapping[str, Any],
    arguments: Mapping[str, Any] | None,
    *,
    skip_invalid: bool,
    fields: Mapping[str, Any],
) -> None:
    if job and words is not None:
        from eventqueue.model.figures import shortened

        word = shortened(job[0], 40)
        raise click.UsageError(f"{word!r} stands before --, where only options do: a queue is given by --queue")
    if len(job) > 1:
        raise click.UsageError("Give one JSON object, or put -- before a command: queuectl enqueue -- echo hello")
    if (len(job) == 1) + (path is not None) + (words is not None) + bool(called) != 1 or words == []:
        raise click.UsageError("Give one of the four: a JSON object, --file FILE, --task NAME, or -- and a command")
    if arguments is not None and not called:
        raise click.UsageError("--args goes with --task")
    if skip_invalid and path is None:
        raise click.UsageError("--skip-invalid goes with --file")
    if fields and words is None and not called:
        raise click.UsageError(
            f"--{next(iter(fields)).replace('_', '-')} goes with --task, or a command after --; in JSON it is a field"
        )


@contextmanager
def typed_as_json(job: Sequence[str]) -> Iterator[None]:
    """Have what is refused meanwhile be wrong usage where the job was typed as JSON, whose fields are options."""
    try:
        yield
    except InvalidInput as error:
        if job:
            raise click.UsageError(str(error)) from error
        raise


def job_in(text: str) -> dict[str, Any]:
    """Return the job that is typed as JSON. Raises click.UsageError."""
    with typed_as_json((text,)):
        return _job_in(text)


def _job_in(text: str) -> dict[str, Any]:
    if not text.lstrip().startswith("{"):
        raise InvalidInput("", "The job is no JSON object; to give a command, put -- before it: enqueue -- echo hello")
    return json_object(text, "The job")


def command_line(words: list[str]) -> str:
    """Return the words of a command as a line for the shell."""
    import shlex

    # A single word can hardly be a program's name with blanks in it: it is a line for the shell, as with ssh.
    return words[0] if len(words) == 1 else shlex.join(words)
