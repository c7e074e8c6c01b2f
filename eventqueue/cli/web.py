"""`queuectl web`: the page where people watch, explain, travel in time and act; and the same beside workers."""

import os
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from eventqueue.cli.metrics import LOOPBACK, PORT_MAX
from eventqueue.cli.options import command
from eventqueue.cli.output import Output
from eventqueue.cli.session import Session, with_session
from eventqueue.errors import Misconfigured
from eventqueue.system import installing
from eventqueue.system.interrupts import on_signals

if TYPE_CHECKING:
    from threading import Event

    from eventqueue.api.queue import Queue
    from eventqueue.web.entry.keys import Keys

PORT = 8787
LACKING = "The page needs libraries that are not installed: `%s` installs them."
HOST = re.compile(r"(\[[0-9a-f:]+\]|[a-z0-9-]+(\.[a-z0-9-]+)*)(:[0-9]{1,5})?")


class Host(click.ParamType[str]):
    """A name as which the page may be asked for, and perhaps its port."""

    name = "host[:port]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """See click.ParamType."""
        found: str = value.lower()
        if not HOST.fullmatch(found):
            self.fail(f"{value!r} is no host: give one such as queue.example.com or localhost:9000", param, ctx)
        return found


class Web(NamedTuple):
    """What a page was asked for."""

    port: int
    is_read_only: bool = False
    user_header: str | None = None
    hosts: Sequence[str] = ()


@command("web")
@click.option(
    "--port", type=click.IntRange(0, PORT_MAX), default=PORT, show_default=True, help="Port; 0 is a free one."
)
@click.option("--read-only", is_flag=True, help="For looking only: nobody can act.")
@click.option(
    "--allow-host",
    "hosts",
    multiple=True,
    type=Host(),
    help="Another name as which it may be asked for, as through a proxy or a tunnel.",
)
@click.option(
    "--user-header",
    metavar="NAME",
    help="The header in which a proxy names who asks; it has to show the token of QUEUECTL_WEB_TOKEN.",
)
@with_session
def web(session: Session, *, port: int, read_only: bool, hosts: Sequence[str], user_header: str | None) -> None:
    """Serve a web page on this machine, until Ctrl-C.

    What is printed is its address, once for who may act and once for who looks only; the token in it lets in. A token
    that stays the same is given as QUEUECTL_WEB_TOKEN, or QUEUECTL_WEB_VIEWER_TOKEN. Acts are signed by the user who
    runs this, or behind a proxy by who the proxy says. See docs/web.md.

    \b
    queuectl web
    queuectl web --port 9000 --read-only
    queuectl web --allow-host queue.example.com --user-header X-Forwarded-User
    """
    import threading

    from eventqueue.system.outlet import log_to_stderr

    over = threading.Event()
    asked = Web(port, read_only, user_header, hosts)
    with session.queue() as queue:
        on_signals([signal.SIGINT, signal.SIGTERM], over.set, is_once=True)
        with page(session, queue, asked, over, as_json=session.out.as_json), closing(log_to_stderr()):
            session.out.note("Ctrl-C ends it.")
            over.wait()


@contextmanager
def beside(session: Session, port: int | None, *, as_json: bool) -> Iterator[None]:
    """Serve the page while something else is done, on this port; None: none."""
    if port is None:
        yield
        return
    with session.queue() as queue, page(session, queue, Web(port), as_json=as_json):
        yield


@contextmanager
def page(session: Session, queue: "Queue", asked: Web, over: "Event | None" = None, *, as_json: bool) -> Iterator[None]:
    """Serve the page for as long as the block lasts, and tell where; `over`: see `serving`. Raises Misconfigured."""
    try:
        from eventqueue.web.app import make_app
        from eventqueue.web.entry.guard import Entry
        from eventqueue.web.entry.keys import keys_of
        from eventqueue.web.entry.proxied import check_header
        from eventqueue.web.server import hosts_of, listen, serving
    except ModuleNotFoundError as error:
        raise Misconfigured(LACKING % installing.command(*installing.WEB)) from error

    header = None if asked.user_header is None else check_header(asked.user_header)
    keys = keys_of(os.environ, read_only=asked.is_read_only, is_proxied=header is not None)
    with listen(LOOPBACK, asked.port) as listening:
        port: int = listening.getsockname()[1]
        entry = Entry(keys, [*hosts_of(port), *asked.hosts], f"queuectl-{port}", header)
        with serving(make_app(queue, entry), listening, over):
            _tell(session, keys, f"http://{LOOPBACK}:{port}/", as_json=as_json)
            yield


def _tell(session: Session, keys: "Keys", address: str, *, as_json: bool) -> None:
    """Tell the addresses, with the tokens that were made here: those of the environment are to be in no log."""
    from eventqueue.web.entry.keys import OPERATOR, VIEWER

    def shown(token: str | None, name: str) -> str | None:
        return None if token is None or token == os.environ.get(name) else f"{address}?token={token}"

    operator, viewer = shown(keys.operator, OPERATOR), shown(keys.viewer, VIEWER)
    found = {"To look and act": operator, "To look only": viewer}
    told = {what: one for what, one in found.items() if one} or {"To who has a token of the environment": address}
    lines = [next(iter(told.values()))] if session.out.quiet else [f"{what}: {one}" for what, one in told.items()]
    # As an answer: a sentence of what was done has no tokens in it.
    Output(as_json=as_json, quiet=session.out.quiet).answer(
        lambda: {"page": address, "viewer": viewer, "operator": operator}, lambda: "\n".join(lines)
    )
