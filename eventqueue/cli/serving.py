"""The HTTP server of `queuectl metrics --serve`: one page, which is made anew for who asks, one at a time."""

import socket
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from eventqueue.cli.render import exposition
from eventqueue.errors import QueueError, redact
from eventqueue.system.printable import clean

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue

PATIENCE_S = 10.0  # for a client that sends or takes nothing
CLIENTS_MAX = 20  # at the same time: others are hung up on


class MetricsServer(ThreadingHTTPServer):
    """Answers `GET /metrics`, and nothing else."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], queue: "Queue") -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.making = threading.Lock()
        self.queue = queue
        self._room = threading.BoundedSemaphore(CLIENTS_MAX)
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """See HTTPServer: which asks a name server who we are, and may wait for long."""
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def process_request(self, request: Any, client_address: Any) -> None:
        """See ThreadingMixIn."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """See ThreadingMixIn."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    timeout = PATIENCE_S
    server_version, sys_version = "queuectl", ""

    def do_GET(self) -> None:
        """Answer with the metrics, or with why there are none."""
        if self.path.partition("?")[0] != "/metrics":
            self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", "Metrics are at /metrics.\n")
            return
        try:
            with self.server.making:  # whoever asks often waits for himself
                found = self.server.queue.metrics()
        except QueueError as error:
            text = f"{clean(redact(str(error)))}\n"
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", text)
            return
        page = "".join(f"{line}\n" for line in exposition.lines(found))
        self._answer(HTTPStatus.OK, exposition.CONTENT_TYPE, page)

    def _answer(self, status: HTTPStatus, kind: str, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Log no request: what a client sends is not ours to print."""
