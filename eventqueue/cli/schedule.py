"""`queuectl schedule`: jobs that are made again and again, each at its time."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import click

from eventqueue.cli.enqueue import (
    FIELDS,
    WORDS,
    Enqueue,
    check_call,
    command_line,
    given_fields,
    job_in,
    typed_as_json,
    with_options,
)
from eventqueue.cli.importing import imports_of, with_imports
from eventqueue.cli.known import SCHEDULE
from eventqueue.cli.options import Group, command, show_env, with_why
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.shape import SCHEDULES, Shape, print_shaped, shaped
from eventqueue.cli.values import ARGUMENTS, SECONDS, TEXT, Choice
from eventqueue.errors import ScheduleNotFound

TICKS_MAX = 10_000

schedule = Group("schedule", help="Schedules: jobs that are made again and again.")
named = click.argument("name", type=SCHEDULE)


class Add(Enqueue):
    """Takes a job as `queuectl enqueue` does."""

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click passes it
        """See click.Command."""
        return ["NAME", "--cron CRON | --every SPAN", "[OPTIONS]", "JSON | --task NAME | -- COMMAND..."]


@command("add", cls=Add)
@named
@click.argument("job", nargs=-1)
@click.option("--cron", type=TEXT, help='Minute, hour, day of month, month, day of week, such as "*/5 * * * *".')
@click.option("--tz", type=TEXT, help="Zone by whose clocks --cron goes, such as Europe/Berlin [default: UTC].")
@click.option("--every", type=SECONDS, help="Instead of --cron: so often, such as 10m, counted from 1970 in UTC.")
@click.option(
    "--missed",
    type=Choice(("skip", "once", "all")),
    default="once",
    show_default=True,
    help="Of ticks at which nobody was there: no job, one, or a job each, 1,000 at most.",
)
@click.option(
    "--overlap",
    type=Choice(("allow", "skip")),
    default="allow",
    show_default=True,
    help="While the job of an earlier tick has not ended: a job beside it, or none.",
)
@click.option("--task", type=TEXT, help="A Python task, as workers that import its module know it.")
@click.option("--args", "arguments", type=ARGUMENTS, help="Its arguments: a JSON list, or an object of them by name.")
@with_imports
@with_options(FIELDS)
@with_why
@with_session
def add(
    session: Session,
    /,
    *,
    name: str,
    job: tuple[str, ...],
    task: str | None,
    arguments: Mapping[str, Any] | None,
    modules: Sequence[str],
    import_path: Sequence[str],
    cron: str | None,
    tz: str | None,
    every: float | None,
    missed: str,
    overlap: str,
    why: str | None,
    **options: Any,
) -> None:
    """Set a schedule: a job at each of its ticks.

    The same again changes nothing; another definition under the name takes the place of the first. Who runs workers
    with a projector, or one alone, makes the jobs, however many do: each tick's once. By the clocks of a zone, what
    spring leaves out runs right after that, and what autumn shows twice runs once.

    \b
    queuectl schedule add nightly --cron "30 2 * * *" --tz Europe/Berlin -- ./backup --all
    queuectl schedule add poll --every 10m --overlap skip --queue mail -- ./fetch
    queuectl schedule add report --cron "0 8 * * MON-FRI" '{"command": "make report", "timeout": 600}'
    queuectl schedule add digest --every 1h --task app.tasks.send --args '{"to": "ann"}'
    """
    from eventqueue.schedules.rule import span_of
    from eventqueue.telling import documents, schedules

    called = None if task is None else {"task": task, **(arguments or {})}
    if arguments is not None and called is None:
        raise click.UsageError("--args goes with --task")
    fields = _asked(job, click.get_current_context().meta.get(WORDS), called, given_fields(options))
    if (cron is None) == (every is None):
        raise click.UsageError("Give one of the two: --cron or --every")
    span, before = None if every is None else span_of(every), None
    if modules or "task" in fields:
        imports_of(modules, import_path).load(session.out)
    if task is not None:
        check_call(task, arguments)
    with session.queue() as queue:
        with suppress(ScheduleNotFound):
            before = queue.get_schedule(name)
        with typed_as_json(job):
            done = queue.schedule(name, fields, cron=cron, every=span, tz=tz, missed=missed, overlap=overlap, why=why)
    session.out.document(lambda: documents.rescheduled(done))
    (session.out.done if done.is_changed else session.out.note)(schedules.stands(done))
    if done.is_changed and (told := schedules.anew(before)) is not None:
        session.out.note(told)


def _asked(
    job: tuple[str, ...], words: list[str] | None, called: dict[str, Any] | None, fields: dict[str, Any]
) -> dict[str, Any]:
    if len(job) + (words is not None) + (called is not None) != 1 or words == []:
        raise click.UsageError("Give one of the three: a JSON object, --task NAME, or -- and a command")
    if called is not None:
        return called | fields
    if words is not None:
        return {**fields, "command": command_line(words)}
    if fields:
        raise click.UsageError(
            f"--{next(iter(fields)).replace('_', '-')} goes with --task, or a command after --; in JSON it is a field"
        )
    return job_in(job[0])


@command("list")
@shaped(SCHEDULES)
@with_session
def list_(session: Session, *, shape: Shape) -> None:
    """List the schedules, each with its next tick.

    \b
    queuectl schedule list
    queuectl schedule list --columns schedule,next,last
    """
    from eventqueue.cli.render import schedules
    from eventqueue.telling import documents

    with session.queue() as queue:
        found, now = queue.schedules(), queue.connection.ground.clock.now()
    if found or session.out.as_json:
        print_shaped(
            session,
            shape,
            lambda: [documents.schedule(one) for one in found],
            lambda: [one.name for one in found],
            lambda: schedules.table(found, now, shape.names(SCHEDULES)),
        )
    else:
        session.out.note("There is no schedule yet: `queuectl schedule add` sets one.")


@command("show")
@named
@show_env
@with_session
def show(session: Session, name: str, *, show_env: bool) -> None:
    """Show all of a schedule.

    `queuectl events --stream schedule-NAME` shows what has happened to it.

    \b
    queuectl schedule show nightly
    """
    from eventqueue.cli.render import schedules
    from eventqueue.telling import documents

    with session.queue() as queue:
        found = queue.get_schedule(name)
    session.out.answer(
        lambda: documents.schedule(found, show_env=show_env), lambda: schedules.details(found, show_env=show_env)
    )


@command("pause")
@named
@click.option("--why", type=TEXT, help="The reason, shown wherever the schedule is shown.")
@with_session
def pause(session: Session, name: str, why: str | None) -> None:
    """Have no jobs made at a schedule's ticks.

    Its jobs that are there already run as ever. A schedule that is paused already stays so, with the reason it has.

    \b
    queuectl schedule pause nightly --why "the disk is full"
    """
    from eventqueue.telling import documents, schedules

    with session.queue() as queue:
        done = queue.pause_schedule(name, why)
    session.out.document(lambda: documents.rescheduled(done))
    assert done.schedule is not None
    already = "" if done.is_changed else f" already, {schedules.since(done.schedule)}"
    session.out.done(f"Schedule {name} is paused{already}")


@command("resume")
@named
@with_why
@with_session
def resume(session: Session, name: str, why: str | None) -> None:
    """Have jobs made at a schedule's ticks again.

    The ticks of the meantime were not missed: it goes on with the next one.

    \b
    queuectl schedule resume nightly
    """
    from eventqueue.telling import documents, schedules

    with session.queue() as queue:
        done = queue.resume_schedule(name, why)
    session.out.document(lambda: documents.rescheduled(done))
    assert done.schedule is not None
    what = "is resumed" if done.is_changed else "is not paused"
    session.out.done(f"Schedule {name} {what}; {schedules.coming(done.schedule)}")


@command("remove")
@named
@with_why
@with_session
def remove(session: Session, name: str, why: str | None) -> None:
    """Take a schedule away; the jobs that it has made stay.

    \b
    queuectl schedule remove nightly --why "the new backup does it"
    """
    from eventqueue.telling import documents, schedules

    with session.queue() as queue:
        before = queue.get_schedule(name)
        done = queue.remove_schedule(name, why)
    session.out.document(lambda: documents.rescheduled(done))
    session.out.done(f"Schedule {name} is removed; its jobs stay")
    if (told := schedules.anew(before)) is not None:
        session.out.note(told)


@command("trigger")
@named
@with_why
@with_session
def trigger(session: Session, name: str, why: str | None) -> None:
    """Have a schedule's job made now, beside all ticks, paused or not.

    \b
    queuectl schedule trigger nightly
    """
    from eventqueue.telling import documents

    with session.queue() as queue:
        receipt = queue.trigger_schedule(name, why)
    session.out.document(lambda: documents.enqueued(receipt))
    session.out.done(f"Job added: {receipt.id}")
    session.out.bare(receipt.id)


@command("next")
@named
@click.argument("n", type=click.IntRange(1, TICKS_MAX), default=5)
@with_session
def next_(session: Session, name: str, n: int) -> None:
    """Show the next ticks of a schedule.

    N of them, or 5, whether it is paused or not.

    \b
    queuectl schedule next nightly 10
    """
    from eventqueue.cli.render import schedules
    from eventqueue.telling.words import instant

    with session.queue() as queue:
        found, there = queue.next_ticks(name, n), queue.get_schedule(name)
        now = queue.connection.ground.clock.now()
    tz = None if there.cron is None else there.tz
    session.out.answer(
        lambda: {"name": name, "ticks": [instant(at) for at in found]}, lambda: schedules.ticks(found, tz, now)
    )


for one in (add, list_, show, pause, resume, remove, trigger, next_):
    schedule.add_command(one)
