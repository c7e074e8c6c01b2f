"""The page served over HTTP by one process, until it is told to stop."""

import signal
import socket
from types import FrameType

import uvicorn
from starlette.applications import Starlette

from eventqueue.errors import Misconfigured

BACKLOG = 100


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there. Raises Misconfigured where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # By its name: only of a socket that says it is TCP does asyncio send what is small at once.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise Misconfigured(
            f"Port {port} of {host} cannot be had ({error.strerror}): give another with --port."
        ) from None
    return found


class Server(uvicorn.Server):
    """Ends what is open in tabs at the first request to stop, and does not wait for who looks on."""

    def __init__(self, app: Starlette) -> None:
        super().__init__(
            uvicorn.Config(app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=2)
        )
        self._page = app

    def end(self) -> None:
        """Have it end, from whatever thread."""
        self._page.state.house.live.stop()
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See uvicorn.Server."""
        self._page.state.house.live.stop()
        super().handle_exit(sig, frame)


def serve(app: Starlette, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM."""
    server = Server(app)
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:  # uvicorn raises again what it has obeyed
        signal.signal(signal.SIGINT, signal.SIG_DFL)
