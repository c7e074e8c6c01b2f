"""`queuectl worker`: starting workers, seeing those that live, and stopping them."""

import os
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.importing import imports_of, with_imports
from eventqueue.cli.jobs import LIMIT_MAX
from eventqueue.cli.known import QUEUE, WORKER
from eventqueue.cli.metrics import PORT_MAX
from eventqueue.cli.options import Group, command, with_why
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.shape import WORKERS, Shape, print_shaped, shaped
from eventqueue.cli.then import At, seen_at, time_in, with_at
from eventqueue.cli.values import SECONDS, SIZE, Choice
from eventqueue.cli.web import PORT, beside
from eventqueue.cli.worked import show

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventqueue.model.settings import Source
    from eventqueue.ports.views import Gone, Worker

COUNT_MAX = 1000

worker = Group("worker", help="Workers: the processes that run jobs.")


@command("start")
@click.option("--count", type=click.IntRange(1, COUNT_MAX), default=1, show_default=True, help="Worker processes.")
@click.option(
    "--queue",
    "queues",
    multiple=True,
    type=QUEUE,
    help="Queue to serve; of several, the first given goes before all others [default: all, alike].",
)
@click.option("--concurrency", type=click.IntRange(1, COUNT_MAX), help="Jobs that each runs at the same time.")
@with_imports
@click.option(
    "--processes",
    type=click.IntRange(1, COUNT_MAX),
    help="Processes in which each worker runs Python tasks [default: as many as there are processors].",
)
@click.option(
    "--threads",
    type=click.IntRange(1, COUNT_MAX),
    default=1,
    show_default=True,
    help="Threads of each of them, for tasks that wait; async ones take none.",
)
@click.option(
    "--max-tasks-per-child",
    "max_tasks",
    type=click.IntRange(min=1),
    metavar="N",
    help="Replace a process that has run so many tasks.",
)
@click.option("--max-memory", type=SIZE, help="Replace a process that is larger, once what it runs has ended: 512M.")
@click.option(
    "--until-empty",
    is_flag=True,
    help="Stop once nothing is pending, processing or waiting for a retry, but for what waits in a paused queue.",
)
@click.option(
    "--no-projector",
    is_flag=True,
    help="Start no projector, which makes the jobs of schedules, too: one runs elsewhere.",
)
@click.option(
    "--show-output", is_flag=True, help="Show what the jobs write, too, each line with its job's id, as it is written."
)
@click.option("--grace", type=SECONDS, help="How long running jobs may take to finish after a request to stop.")
@click.option(
    "--log-format",
    type=Choice(("text", "json")),
    default="text",
    show_default=True,
    help="What is told of jobs: for people, or a JSON object a line.",
)
@click.option("--web", "with_web", is_flag=True, help="Serve the web page as well: see `queuectl web`.")
@click.option("--web-port", type=click.IntRange(0, PORT_MAX), help=f"Port of the page [default: {PORT}].")
@with_session
def start(
    session: Session,
    *,
    count: int,
    queues: Sequence[str],
    concurrency: int | None,
    modules: Sequence[str],
    import_path: Sequence[str],
    processes: int | None,
    threads: int,
    max_tasks: int | None,
    max_memory: int | None,
    until_empty: bool,
    no_projector: bool,
    show_output: bool,
    grace: float | None,
    log_format: str,
    with_web: bool,
    web_port: int | None,
) -> int:
    """Start workers and a projector.

    They are looked after until Ctrl-C or SIGTERM: the first one lets running jobs finish within --grace seconds
    and hands back the rest; the second stops at once. `queuectl worker stop` does the same from anywhere.
    Defaults of --concurrency and --grace are settings: see `queuectl config list`. Where stdout is no
    terminal, a line begins with its time and host. --json is --log-format json.
    With modules to import, Python tasks are run too, those that they declare, in processes that stay; --concurrency is
    then by default as many as these have threads, or what the setting says if that is more.

    \b
    queuectl worker start --count 4 --concurrency 8
    queuectl worker start --import app.tasks --import-path .
    queuectl worker start --queue mail --queue default --until-empty
    queuectl worker start --show-output
    queuectl worker start --count 4 --web
    """
    if web_port is not None and not with_web:
        raise click.UsageError("--web-port is the port of the page: give --web, too")
    from eventqueue.model.fields import check_name
    from eventqueue.worker.python.plan import PythonPlan
    from eventqueue.worker.supervisor import Plan, supervise

    for name in queues:
        check_name(name, "queue")
    named = imports_of(modules, import_path)
    named.tell(session.out)
    python = PythonPlan(
        imports=named.modules,
        import_path=named.path,
        processes=processes or len(os.sched_getaffinity(0)),
        threads=threads,
        max_tasks=max_tasks,
        max_memory=max_memory,
    )
    uri = session.server()
    with session.queue() as queue:
        settings = queue.configuration()
    plan = Plan(
        uri=uri,
        db=session.db,
        count=count,
        queues=tuple(queues),
        concurrency=concurrency or max(int(_first(None, settings, "concurrency")), min(python.room, COUNT_MAX)),
        python=python,
        until_empty=until_empty,
        with_projector=not no_projector,
        grace=float(_first(grace, settings, "grace")),
        as_json=session.out.as_json or log_format == "json",
        quiet=session.out.quiet,
        show_output=show_output,
    )
    with beside(session, (PORT if web_port is None else web_port) if with_web else None, as_json=plan.as_json):
        return supervise(plan)


@command("list")
@with_at
@click.option("--all", "is_all", is_flag=True, help="Those, too, that left or were lost within a day.")
@click.option(
    "--limit",
    "-n",
    type=click.IntRange(1, LIMIT_MAX),
    default=50,
    show_default=True,
    help="Of those that are gone the newest so many.",
)
@shaped(WORKERS)
@with_session
def list_(session: Session, at: At, *, is_all: bool, limit: int, shape: Shape) -> None:
    """List the workers that live, and the jobs that they run.

    With --at those that had started by then, and had neither left nor fallen silent. With --all those, too, that left
    or were lost within the day before, or that are silent: with the jobs that they held and the state of each now, who
    told of their end and why, and which worker started next under their name on their host.

    \b
    queuectl worker list
    queuectl worker list --all
    queuectl worker list --columns id,running
    queuectl worker list --at 2026-11-28T03:12Z
    """
    from eventqueue.cli.render import tables
    from eventqueue.model.ends import shown_among
    from eventqueue.telling import documents

    if is_all and (shape.columns or shape.form in ("ids", "jsonl")):
        raise click.UsageError("--all has a table of its own for workers that were: give it without, or with --json")
    with session.queue() as queue:
        shown = seen_at(session, queue, at)
        if shown is queue:
            session.out.behind(queue.connection.views.refresh())
        found, now = shown.workers(), time_in(shown)
        gone = shown.workers_gone(limit=limit + 1) if is_all else []
    if is_all:
        _list_all(session, found, gone[:limit], now)
        if len(gone) > limit:
            session.out.note(f"These are the newest {limit:,} that are gone, and there are more: --limit shows them.")
    elif found or session.out.as_json:
        short = shown_among(job for one in found for job in one.running) if shape.is_read(session) else str
        print_shaped(
            session,
            shape,
            lambda: [documents.plain(one) for one in found],
            lambda: [one.id for one in found],
            lambda: tables.workers(found, now, shape.names(WORKERS), short),
        )
    elif at is not None:
        session.out.note("The log tells of no worker that was there then.")
    else:
        session.out.note("No worker is alive: `queuectl worker start` starts one.")


def _list_all(session: Session, found: "Sequence[Worker]", gone: "Sequence[Gone]", now: datetime) -> None:
    from rich.text import Text

    from eventqueue.cli.render import tables
    from eventqueue.telling import documents

    if found or gone or session.out.as_json:
        parts = [*([tables.workers(found, now)] if found else []), *([tables.gone(gone, now)] if gone else [])]
        session.out.answer(
            lambda: [*map(documents.live_worker, found), *map(documents.gone_worker, gone)],
            lambda: [*parts[:1], *([Text(""), *parts[1:]] if parts[1:] else [])],
        )
    else:
        session.out.note("No worker was there within a day: `queuectl worker start` starts one.")


@command("stop")
@click.argument("names", nargs=-1, metavar="[ID]...", type=WORKER)
@click.option("--all", "is_all", is_flag=True, help="All workers that live.")
@click.option("--grace", type=SECONDS, help="How long running jobs may take to finish [default: as it was started].")
@with_why
@with_session
def stop(session: Session, names: Sequence[str], *, is_all: bool, grace: float | None, why: str | None) -> int:
    """Stop workers, wherever they run, and wait until they have left.

    As at Ctrl-C they claim nothing more, let what runs finish within the grace, and hand back the rest. ID is an
    unambiguous beginning of a worker's id or name. The exit code is 1 if one is still there 15 seconds after its
    grace; the request stands all the same.

    \b
    queuectl worker stop --all
    queuectl worker stop web-3:1c1c --grace 5m --why "the machine is replaced"
    """
    from eventqueue.telling import documents

    if bool(names) == is_all:
        raise click.UsageError("Give the workers' ids, or --all")
    with session.queue() as queue:
        asked = queue.stop_workers(None if is_all else queue.resolve_workers(names), grace, why)
        there = {one.id: one for one in asked}
        outcomes = []
        for left in queue.leaving(asked):
            del there[left.worker.id]
            outcomes.append(documents.stopped(left.worker, "lost" if left.is_lost else "left"))
            if left.is_lost:
                session.out.note(f"{_called(left.worker)} was lost meanwhile: what it ran is run again")
            else:
                session.out.done(f"{_called(left.worker)} has left")
    for one in there.values():
        session.out.refuse(f"{_called(one)} is still there: it leaves once it can, or is taken for lost.")
    session.out.document(lambda: [*outcomes, *(documents.stopped(one, "there") for one in there.values())])
    if not asked:
        session.out.note("No worker is alive.")
    return 1 if there else 0


def _called(worker: "Worker") -> str:
    return f"Worker {worker.name} ({worker.id})"


def _first(option: float | None, settings: "Mapping[str, Source]", name: str) -> Any:
    return settings[name].value if option is None else option


for one in (start, list_, show, stop):
    worker.add_command(one)
