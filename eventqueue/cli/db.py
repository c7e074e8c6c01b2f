"""`queuectl db`: the local server, which is used where no URI is given."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import click

from eventqueue.cli.options import Group, command
from eventqueue.cli.session import Session, with_session
from eventqueue.errors import LocalServerFailed, QueueError, Refused
from eventqueue.model.figures import count

db = Group("db", help="The local MongoDB server, used where no URI is given.")


@command("start")
@with_session
def start(session: Session) -> None:
    """Start the local server, unless it runs.

    Whatever needs it starts it, too.

    \b
    queuectl db start
    """
    from eventqueue.server import ensure_running, home

    ensure_running(home(os.environ))
    _tell(session)


@command("stop")
@click.option("--yes", is_flag=True, help="Stop it though workers are at work on it.")
@with_session
def stop(session: Session, *, yes: bool) -> int:
    """Stop the local server; its data stay.

    While workers are at work on it, it is asked first whether to do so; where nobody can be asked, --yes is needed.

    \b
    queuectl db stop
    """
    from eventqueue.server import home, stop

    place = home(os.environ)
    if not yes and (workers := _at_work(place)) and not _is_wanted(session, workers):
        session.out.note("The local server goes on")
        return 1
    stopped = stop(place)
    session.out.document(lambda: {"stopped": stopped})
    session.out.done("The local server has stopped" if stopped else "The local server did not run")
    return 0


def _at_work(place: Path) -> int:
    """Return how many workers live on the local server; none where it does not answer: it is to stop all the same."""
    from eventqueue.connect import open_client
    from eventqueue.mongo.incarnations import live_anywhere
    from eventqueue.server import status

    with suppress(QueueError):
        if (server := status(place)) is not None:
            with open_client(server.uri) as client:
                return live_anywhere(client)
    return 0


def _is_wanted(session: Session, workers: int) -> bool:
    """Ask whether to stop it. Raises Refused where nobody can be asked."""
    at_work = f"{count(workers, 'worker')} {'is' if workers == 1 else 'are'} at work on the local server"
    if session.out.as_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise Refused(f"{at_work}: `queuectl worker stop --all` stops them, and --yes the server beneath them.")
    return click.confirm(f"{at_work}. Stop it all the same?", err=True)


@command("status")
@with_session
def status(session: Session) -> None:
    """Show where the local server is.

    The exit code is 1 if it does not run.

    \b
    queuectl db status
    """
    _tell(session)


def _tell(session: Session) -> None:
    from eventqueue.cli.values import shown_path
    from eventqueue.connect import open_client
    from eventqueue.errors import redact
    from eventqueue.mongo.sizes import sizes
    from eventqueue.server import home, status
    from eventqueue.telling import words

    place = home(os.environ)
    server = status(place)
    if server is None:
        raise LocalServerFailed(f"No local server runs in {shown_path(str(place))}: `queuectl db start` starts it.")
    with open_client(server.uri) as client:
        room = sizes(client[session.db])
    found = {
        "uri": redact(server.uri),
        "data": shown_path(str(server.data)),
        "version": server.version,
        "pid": server.pid,
    }
    session.out.answer(
        lambda: {**found, "sizes": room},
        lambda: "\n".join(f"{name:<8} {value}" for name, value in {**found, "sizes": words.sizes(room)}.items()),
    )


for one in (start, stop, status):
    db.add_command(one)
