"""`queuectl db`: the local server, which is used where no URI is given."""

import os

from eventqueue.cli.options import Group, command
from eventqueue.cli.session import Session, with_session
from eventqueue.errors import LocalServerFailed

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
@with_session
def stop(session: Session) -> None:
    """Stop the local server; its data stay.

    \b
    queuectl db stop
    """
    from eventqueue.server import home, stop

    stopped = stop(home(os.environ))
    session.out.document(lambda: {"stopped": stopped})
    session.out.done("The local server has stopped" if stopped else "The local server did not run")


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
    from eventqueue.cli.render import words
    from eventqueue.cli.values import shown_path
    from eventqueue.connect import open_client
    from eventqueue.errors import redact
    from eventqueue.mongo.sizes import sizes
    from eventqueue.server import home, status

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
