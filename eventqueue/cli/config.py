"""`queuectl config`: the defaults for jobs and workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from eventqueue.cli.known import SETTING
from eventqueue.cli.options import Group, command, with_why
from eventqueue.cli.session import Session, with_session
from eventqueue.cli.values import TEXT
from eventqueue.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from eventqueue.model.settings import Source

config = Group(
    "config",
    help="""Defaults for jobs and workers.

    They are kept as events, so that a change is history too. Where a value is given several times, this is the
    order: option, environment, stored, built-in.
    """,
)


@command("list")
@with_session
def list_(session: Session) -> None:
    """List every setting, its value, and where that comes from.

    \b
    queuectl config list
    """
    from eventqueue.cli.render import tables
    from eventqueue.model.settings import SETTINGS
    from eventqueue.telling import documents

    with session.queue() as queue:
        found = queue.configuration()
    meanings = {name: one.help for name, one in SETTINGS.items()}
    session.out.answer(lambda: documents.plain(found), lambda: tables.configuration(found, meanings))


@command("get")
@click.argument("name", type=SETTING)
@with_session
def get(session: Session, name: str) -> None:
    """Print the value of one setting.

    \b
    queuectl config get max-retries
    """
    from eventqueue.cli.render import tables
    from eventqueue.model.settings import named
    from eventqueue.telling import documents

    with _as_typed():
        name = named(name)
    with session.queue() as queue:
        found = queue.configuration()[name]
    session.out.answer(lambda: {"name": name, **documents.plain(found)}, lambda: tables.setting(found))


# So that a value may be a negative number.
@command("set", context_settings={"ignore_unknown_options": True})
@click.argument("name", type=SETTING)
@click.argument("value", type=TEXT)
@with_why
@with_session
def set_(session: Session, name: str, value: str, why: str | None) -> None:
    """Store the value of a setting.

    \b
    queuectl config set max-retries 5 --why "the mail server is down at night"
    """
    with session.queue() as queue:
        with _as_typed():
            queue.configure(name, value, why)
        _tell(session, name, queue.configuration())


@command("unset")
@click.argument("name", type=SETTING)
@with_why
@with_session
def unset(session: Session, name: str, why: str | None) -> None:
    """Bring a setting back to its built-in value.

    \b
    queuectl config unset max-retries
    """
    with session.queue() as queue:
        with _as_typed():
            queue.configure(name, None, why)
        _tell(session, name, queue.configuration())


@contextmanager
def _as_typed() -> Iterator[None]:
    """Have what is refused meanwhile be wrong usage: it was typed here, and comes from nowhere else."""
    try:
        yield
    except InvalidInput as error:
        raise click.UsageError(str(error), click.get_current_context()) from error


def _tell(session: Session, name: str, settings: "Mapping[str, Source]") -> None:
    from eventqueue.cli.render import tables
    from eventqueue.model.settings import named, variable
    from eventqueue.telling import documents

    name = named(name)
    found = settings[name]
    session.out.document(lambda: {"name": name, **documents.plain(found)})
    session.out.done(f"{name} is {tables.setting(found)} ({found.source})")
    if found.source == "environment":
        session.out.note(f"{variable(name)} is set here, and goes before what is stored.")


for one in (list_, get, set_, unset):
    config.add_command(one)
