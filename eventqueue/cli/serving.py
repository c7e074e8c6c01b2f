"""The HTTP side of `queuectl metrics --serve`: prometheus-client's page and server, and what they leave open."""

import io
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from eventqueue.cli.render import exposition
from eventqueue.errors import QueueError, Refused, redact
from eventqueue.mongo.patience import answered_within
from eventqueue.system.printable import clean

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue

PATIENCE_S = 10.0  # for a client that sends or takes nothing
ANSWERED_S = 5.0  # by the database: Prometheus waits for ten
CLIENTS_MAX = 20  # at the same time: of more the first ones are hung up on, who have had their time

Start = Callable[[str, list[tuple[str, str]]], object]


def serving(address: tuple[str, int], queue: "Queue") -> ThreadingWSGIServer:
    """Return a server that answers `GET /metrics`, and nothing else, once it is told to. Raises OSError."""
    kind = _Server6 if ":" in address[0] else _Server
    return make_server(*address, _app(queue), kind, _Handler)


def _app(queue: "Queue") -> Callable[[dict[str, Any], Start], Iterable[bytes]]:
    registry = CollectorRegistry()
    registry.register(_Asking(queue))
    metrics = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/metrics":
            return _refused(start, "404 Not Found", "Metrics are at /metrics.")
        try:
            found: Iterable[bytes] = metrics({**environ, "QUERY_STRING": ""}, start)
        except QueueError as error:
            return _refused(start, "503 Service Unavailable", clean(redact(str(error))))
        return found

    return answer


def _refused(start: Start, status: str, sentence: str) -> Iterable[bytes]:
    start(status, [("Content-Type", "text/plain; charset=utf-8")])
    return [f"{sentence}\n".encode()]


class _Asking(Collector):
    """The metrics as they are by now, made for one client at a time: whoever asks often waits for himself.

    Raises Unavailable where the database does not answer, and Refused where too many ask.
    """

    def __init__(self, queue: "Queue") -> None:
        self._queue = queue
        self._making = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        if not self._making.acquire(timeout=ANSWERED_S):
            raise Refused("Others have asked before, and are not answered yet.")
        try:
            with answered_within(ANSWERED_S):
                found = self._queue.metrics()
        finally:
            self._making.release()
        yield from exposition.families(found)


class _Server(ThreadingWSGIServer):
    """Serves CLIENTS_MAX at the same time, and as many that are being hung up on."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self._clients: dict[Any, bool] = {}  # by connection, the first one first: whether it was hung up on
        self._lock = threading.Lock()
        super().__init__(*args, **more)

    def process_request(self, request: Any, client_address: Any) -> None:
        """See ThreadingMixIn."""
        with self._lock:
            is_room = len(self._clients) < 2 * CLIENTS_MAX
            if is_room:
                self._clients[request] = False
            served = [one for one, is_over in self._clients.items() if not is_over]
            for one in served[:-CLIENTS_MAX]:
                self._clients[one] = True
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)  # its thread then has no more to read, and closes it
        if is_room:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """See BaseServer."""
        with self._lock:
            self._clients.pop(request, None)
        super().shutdown_request(request)

    def server_bind(self) -> None:
        """See WSGIServer: which asks a name server who we are, and may wait for long."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone, or that sends nothing."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = PATIENCE_S
    server_version, sys_version = "queuectl", ""

    def get_stderr(self) -> io.StringIO:
        """Print no traceback of a client that takes nothing."""
        return io.StringIO()

    def log_message(self, *_: Any) -> None:
        """Log no request: what a client sends is not ours to print."""
