"""`queuectl tasks`: the tasks that modules declare, and running one here."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import click

from eventqueue.cli.enqueue import check_call
from eventqueue.cli.importing import imports_of, with_imports
from eventqueue.cli.options import Group, command
from eventqueue.cli.output import Output
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import ARGUMENTS, TEXT
from eventqueue.errors import InvalidInput
from eventqueue.model.names import one_of
from eventqueue.system.printable import clean_lines
from eventqueue.system.streams import stdout_on_stderr
from eventqueue.tasks import registry
from eventqueue.tasks.declared import Declared
from eventqueue.tasks.outcomes import Outcome

tasks = Group("tasks", help="Python functions that workers run as jobs.")


@command("list")
@with_imports
@with_session
def list_(session: Session, modules: Sequence[str], import_path: Sequence[str]) -> None:
    """List the tasks of modules, and what they take.

    \b
    queuectl tasks list --import app.tasks
    queuectl tasks list --import tasks --import-path src --json
    """
    from eventqueue.cli.render import tasks as render

    imports_of(modules, import_path).load(session.out)
    found = registry.tasks()
    if found or session.out.as_json:
        session.out.answer(lambda: [render.document(one) for one in found], lambda: render.table(found))
    else:
        session.out.note("No task is known: name the module that declares some with --import.")


@command("run")
@click.argument("name", type=TEXT)
@click.option("--args", "arguments", type=ARGUMENTS, help="Its arguments: a JSON list, or an object of them by name.")
@with_imports
@with_session
def run(
    session: Session,
    name: str,
    *,
    arguments: Mapping[str, Any] | None,
    modules: Sequence[str],
    import_path: Sequence[str],
) -> int:
    """Run a task here and now, without a queue, and print what it returns as JSON.

    Nothing is written down of it. The exit code is 1 unless it returns, also for a Retry, Snooze, Discard or Fail, and
    where it is unknown or cannot be imported; 2 where its arguments do not fit.

    \b
    queuectl tasks run app.tasks.send --import app.tasks --args '["ann", 3]'
    queuectl tasks run app.tasks.send --import app.tasks --args '{"to": "ann", "n": 3}'
    """
    from eventqueue.tasks import here

    imports_of(modules, import_path).load(session.out)
    task = _named(name)
    check_call(name, arguments)
    # What it prints must not stand among the JSON.
    with stdout_on_stderr() if session.out.as_json else nullcontext():
        ended = here.run(task, **arguments or {}, wait=asyncio.run)
    return _tell(session.out, task, ended)


def _tell(out: Output, task: Declared, ended: Outcome) -> int:
    from eventqueue.cli.render import tasks as render

    out.document(lambda: render.ended(task, ended))
    if (problem := render.problem(ended)) is not None:
        out.refuse(f"Task {task.name} {problem}")
        if where := render.traceback(ended):
            click.echo(clean_lines(where.rstrip()), err=True)
        return 1
    if not out.as_json:
        click.echo(render.result(ended))
    return 0


def _named(name: str) -> Declared:
    if (found := registry.find(name)) is None:
        known = registry.known()
        what = one_of("the tasks", name, known) if known else ": name the module that declares it with --import"
        raise InvalidInput("name", f"no task is called {name!r}{what}")
    return found


for one in (list_, run):
    tasks.add_command(one)
