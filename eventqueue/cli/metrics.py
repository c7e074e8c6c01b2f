"""`queuectl metrics`: what a monitoring system asks for, once on stdout or again and again over HTTP."""

import signal
import threading
from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.options import command
from eventqueue.cli.session import Session, with_session
from eventqueue.system.interrupts import on_signals

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue

LOOPBACK = "127.0.0.1"
PORT_MAX = 65_535


class Address(click.ParamType[tuple[str, int]]):
    """A port on this machine alone, or `HOST:PORT`."""

    name = "[host:]port"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """See click.ParamType."""
        host, _, port = value.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")  # as IPv6 is written
        if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= PORT_MAX):
            self.fail(f"{value!r} is no address: give a port, or HOST:PORT, such as 9464 or 0.0.0.0:9464", param, ctx)
        return host or LOOPBACK, int(port)


@command("metrics")
@click.option("--serve", type=Address(), help="Serve them over HTTP, until Ctrl-C; a port alone on this machine alone.")
@with_session
def metrics(session: Session, *, serve: tuple[str, int] | None) -> None:
    """Print metrics for Prometheus.

    Jobs by queue and state, for how long one is due, what happened (counters that never go down), waits and run times
    as histograms, workers and their slots, rescues and late results, and how far the views are behind. As the views
    show it: nothing is waited for. Who can reach the address that --serve names can read the names of queues. With
    --json the same as one document.

    \b
    queuectl metrics
    queuectl metrics --serve 9464
    """
    from eventqueue.cli.render import exposition
    from eventqueue.telling import documents

    with session.queue() as queue:
        if serve is not None:
            _serve(session, queue, serve)
        else:
            found = queue.metrics()
            session.out.answer(lambda: documents.metrics(found), lambda: exposition.page(found).rstrip("\n"))


def _serve(session: Session, queue: "Queue", address: tuple[str, int]) -> None:
    from eventqueue.cli.serving import serving

    stop = threading.Event()
    with serving(address, queue) as server:
        on_signals([signal.SIGINT, signal.SIGTERM], stop.set, is_once=True)
        threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
        host, port = server.server_address[:2]
        shown = f"[{host!s}]" if ":" in str(host) else str(host)
        session.out.document(lambda: {"serving": f"http://{shown}:{port}/metrics"})
        session.out.done(f"Serving metrics at http://{shown}:{port}/metrics")
        stop.wait()
        server.shutdown()
