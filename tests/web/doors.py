"""Knocking at a page's door: a page over a queue of a test's own, and requests that no client would send."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from eventqueue.api.queue import Queue
from eventqueue.web.app import make_app
from eventqueue.web.entry.guard import Entry
from eventqueue.web.entry.keys import Keys
from eventqueue.web.server import hosts_of, listen, serving
from tests.patience import PATIENCE_S
from tests.web.sites import Site


@contextmanager
def open_door(queue: Queue, keys: Keys, *hosts: str, user_header: str | None = None) -> Iterator[Site]:
    """A page with these tokens, for as long as the block lasts."""
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        app = make_app(queue, Entry(keys, [*hosts_of(port), *hosts], f"queuectl-{port}", user_header))
        with serving(app, listening):
            yield Site(f"http://127.0.0.1:{port}", keys, app.state.house, app.routes)


def sent(site: Site, request: bytes) -> bytes:
    """Return all that is answered to these bytes, up to the end of the connection."""
    host, _, port = site.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), PATIENCE_S) as connection:
        connection.sendall(request)
        answer = b""
        with suppress(ConnectionResetError):  # of who is hung up on before all was read
            while part := connection.recv(65_536):
                answer += part
        return answer


def knock(site: Site, target: bytes, *headers: bytes, body: bytes = b"", method: bytes = b"GET") -> bytes:
    """Return what is answered to a request of which nothing is made fit, by an operator."""
    host = site.url.removeprefix("http://").encode()
    token = (site.keys.operator or "").encode()
    cookie = b"Cookie: queuectl-%s=%s" % (host.partition(b":")[2], token)
    lines = [method + b" " + target + b" HTTP/1.1", b"Host: " + host, cookie, b"Connection: close", *headers]
    return sent(site, b"\r\n".join(lines) + b"\r\n\r\n" + body)
