"""`queuectl web`: the page where people watch, explain, travel in time and act."""

import secrets

import click

from eventqueue.cli.metrics import LOOPBACK, PORT_MAX
from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session
from eventqueue.errors import Misconfigured

PORT = 8787


@command("web")
@click.option(
    "--port", type=click.IntRange(0, PORT_MAX), default=PORT, show_default=True, help="Port; 0 is a free one."
)
@click.option("--read-only", is_flag=True, help="For looking only: nobody can act.")
@with_session
def web(session: Session, *, port: int, read_only: bool) -> None:
    """Serve a web page on this machine, until Ctrl-C.

    \b
    queuectl web
    queuectl web --port 9000 --read-only
    """
    try:
        from eventqueue.web.app import make_app
        from eventqueue.web.server import listen, serve
    except ModuleNotFoundError as error:
        raise Misconfigured("The page needs more: pip install 'eventqueue[web]'.") from error
    from eventqueue.web.guard import Keys

    keys = Keys(secrets.token_urlsafe(24), None if read_only else secrets.token_urlsafe(24))
    with session.queue() as queue, listen(LOOPBACK, port) as listening:
        port = listening.getsockname()[1]
        hosts = [f"{name}:{port}" for name in ("127.0.0.1", "localhost")]
        app = make_app(queue, keys, hosts, f"queuectl-{port}")
        address = f"http://127.0.0.1:{port}/?token="
        operator = keys.operator and address + keys.operator
        session.out.document(lambda: {"viewer": address + keys.viewer, "operator": operator})
        if operator is not None:
            session.out.done(f"To look and act: {operator}")
        session.out.done(f"To look only:    {address}{keys.viewer}")
        serve(app, listening)
