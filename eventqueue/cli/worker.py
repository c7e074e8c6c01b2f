"""`queuectl worker`: starting workers, and seeing those that live."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.options import Group, command
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import SECONDS, TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventqueue.settings import Source

COUNT_MAX = 1000

worker = Group("worker", help="Workers: the processes that run jobs.")


@command("start")
@click.option("--count", type=click.IntRange(1, COUNT_MAX), default=1, show_default=True, help="Worker processes.")
@click.option(
    "--queue", "queues", multiple=True, type=TEXT, help="Queue to serve; several may be given [default: all]."
)
@click.option("--concurrency", type=click.IntRange(1, COUNT_MAX), help="Jobs that each runs at the same time.")
@click.option("--until-empty", is_flag=True, help="Stop once nothing is pending, processing or waiting for a retry.")
@click.option("--no-projector", is_flag=True, help="Start no projector: one runs elsewhere.")
@click.option("--grace", type=SECONDS, help="How long running jobs may take to finish after Ctrl-C or SIGTERM.")
@with_session
def start(
    session: Session,
    *,
    count: int,
    queues: Sequence[str],
    concurrency: int | None,
    until_empty: bool,
    no_projector: bool,
    grace: float | None,
) -> int:
    """Start workers and a projector.

    They are looked after until Ctrl-C or SIGTERM: the first one lets running jobs finish within --grace seconds
    and hands back the rest; the second stops at once.
    Defaults of --concurrency and --grace are settings: see `queuectl config list`. With --json, a JSON object a line.

    \b
    queuectl worker start --count 4 --concurrency 8
    queuectl worker start --queue mail --queue default --until-empty
    """
    from eventqueue.worker.supervisor import Plan, supervise

    uri = session.server()
    with session.queue() as queue:
        settings = queue.configuration()
    plan = Plan(
        uri=uri,
        db=session.db,
        count=count,
        queues=tuple(queues),
        concurrency=int(_first(concurrency, settings, "concurrency")),
        until_empty=until_empty,
        with_projector=not no_projector,
        grace=float(_first(grace, settings, "grace")),
        as_json=session.out.as_json,
        quiet=session.out.quiet,
    )
    return supervise(plan)


@command("list")
@with_session
def list_(session: Session) -> None:
    """List the workers that live, and the jobs that they run."""
    from eventqueue.cli import documents, tables

    with session.queue() as queue:
        found = queue.workers()
        now = queue.connection.ground.clock.now()
    if found or session.out.as_json:
        session.out.answer(lambda: documents.plain(found), lambda: tables.workers(found, now))
    else:
        session.out.note("No worker is alive: `queuectl worker start` starts one.")


def _first(option: float | None, settings: "Mapping[str, Source]", name: str) -> Any:
    return settings[name].value if option is None else option


worker.add_command(start)
worker.add_command(list_)
