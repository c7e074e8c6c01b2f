"""The page served over HTTP in a thread, until it is told to stop."""

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette

from eventqueue.errors import Misconfigured
from eventqueue.web.entry.patience import SILENT_S, Patient
from eventqueue.web.house import House

logger = logging.getLogger(__name__)

BACKLOG = 100
CONNECTIONS_MAX = 900  # a process has a thousand files, as a rule: of more, each is told that there are too many
END_S = 2  # for what is being answered when it is to end
LEFT_S = 1.0  # for what then still waits for the database: a thread, which ends with the process
FULL_S = 60.0  # between two words on that nobody can come in: asyncio has some thousand a second


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens there. Raises Misconfigured where that cannot be."""
    # By its name: only of a socket that says it is TCP does asyncio send what is small at once.
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
        found.listen(BACKLOG)
    except OSError as error:
        found.close()
        raise Misconfigured(
            f"Port {port} of {host} cannot be had ({error.strerror}): give another, or 0 for a free one."
        ) from None
    return found


def hosts_of(port: int) -> list[str]:
    """Return the hosts as which a page on this port of this machine is asked for."""
    names = ("127.0.0.1", "localhost", "[::1]")
    return [f"{name}:{port}" for name in names] + (list(names) if port == 80 else [])


class Crowd:
    """What the loop is to do with errors that nobody waits for, by its `set_exception_handler`.

    That there is no file left for who comes is told in a sentence, now and then.
    """

    def __init__(self) -> None:
        self._told_at = float("-inf")

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Tell of one error."""
        error = context.get("exception")
        if "accept()" not in context["message"] or not isinstance(error, OSError):
            loop.default_exception_handler(context)
        elif time.monotonic() - self._told_at >= FULL_S:
            self._told_at = time.monotonic()
            logger.error("nobody else can come to the page for now (%s): fewer tabs, or more files", error.strerror)


class Server(uvicorn.Server):
    """Ends what is open in tabs at the first request to stop, and does not wait for who looks on.

    What clients send that is no HTTP is logged nowhere: it is not ours to print.
    """

    def __init__(self, app: Starlette) -> None:
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http=Patient,
            ws="none",
            lifespan="on",
            backlog=BACKLOG,
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_keep_alive=int(SILENT_S),  # a page that is asked for again every ten seconds comes by the same one
            timeout_graceful_shutdown=END_S,
        )
        super().__init__(config)
        self._house: House = app.state.house

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """See uvicorn.Server."""
        asyncio.get_running_loop().set_exception_handler(Crowd())
        await super().startup(sockets)

    def end(self) -> None:
        """Have it end, from whatever thread."""
        self._house.live.stop()
        self.should_exit = True


@contextmanager
def serving(app: Starlette, listening: socket.socket, over: threading.Event | None = None) -> Iterator[None]:
    """Serve in a thread for as long as the block lasts; if it ends by itself, that is logged, and `over` set."""
    server = Server(app)

    def run() -> None:
        try:
            server.run(sockets=[listening])
        except Exception as error:
            logger.error("the page is served no more: %s: %s", type(error).__name__, error)
        finally:
            if over is not None:
                over.set()

    thread = threading.Thread(target=run, name="web", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.end()
        thread.join(END_S + LEFT_S)
