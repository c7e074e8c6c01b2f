"""A wire that can be cut: a Unix socket between a client and its server that loses, holds and delays inserts on order.

It speaks just enough of MongoDB's protocol to tell inserts from the rest, which always passes.
"""

import socket
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from threading import Event, Lock, Thread
from urllib.parse import quote_plus

from tests.patience import PATIENCE_S


class Cut(Enum):
    """What happens to an insert on its way; in each case but SILENCE and REPLY_LATE the connection breaks then."""

    REQUEST_LOST = auto()  # it never reaches the server
    REPLY_LOST = auto()  # the server carries it out; the client never hears of it
    REPLY_LATE = auto()  # the server carries it out; the client hears of it once `may_answer` is set
    HELD = auto()  # it is kept, and reaches the server at the next `deliver`
    SILENCE = auto()  # it never reaches the server, and the connection stays open


Order = Cut | Callable[[], object]
"""What to do with the next insert: cut it, or do something first and pass it on then."""


class Wire:
    """Carries out `orders`, one an insert; inserts without an order pass. `sent` counts the inserts that were sent."""

    def __init__(self, server: str, path: Path) -> None:
        self.uri = f"mongodb://{quote_plus(str(path))}/?directConnection=true"
        self.orders: deque[Order] = deque()
        self.sent = 0
        self.is_down = False
        self.may_answer = Event()
        self.held: list[tuple[_Connection, bytes]] = []
        self._server = server
        self._connections: list[_Connection] = []
        self._lock = Lock()  # over whether it is down, and the connections there are then
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._accepting = Thread(target=self._accept)
        self._accepting.start()

    def take_down(self) -> None:
        """Break every connection, and each new one, until `bring_up`."""
        with self._lock:
            self.is_down = True
            for connection in self._connections:
                connection.break_off()

    def bring_up(self) -> None:
        """Let new connections pass again."""
        self.is_down = False

    def deliver(self) -> None:
        """Let the held inserts reach the server, and wait until it has answered each."""
        while self.held:
            connection, message = self.held.pop(0)
            connection.server.sendall(message)
            connection.answered.get(timeout=PATIENCE_S)

    def next_order(self) -> Order | None:
        """Return what is to happen to the insert that came just now."""
        self.sent += 1
        return self.orders.popleft() if self.orders else None

    def close(self) -> None:
        self.may_answer.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for connection in self._connections:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self.is_down:
                    client.close()  # before anything could pass
                else:
                    self._connections.append(_Connection(self, client, self._server))


class _Connection:
    def __init__(self, wire: Wire, client: socket.socket, server: str) -> None:
        self.wire, self.client, self.server = wire, client, socket.socket(socket.AF_UNIX)
        self.server.connect(server)
        self.answered: SimpleQueue[bytes] = SimpleQueue()
        self._unwanted: set[bytes] = set()  # requests whose replies the client never gets
        self._late: set[bytes] = set()  # requests whose replies it gets later
        self._threads = [Thread(target=self._carry_requests), Thread(target=self._carry_replies)]
        for thread in self._threads:
            thread.start()

    def break_off(self) -> None:
        """Break the client's end; the server's stays open for what is on its way to it."""
        with suppress(OSError):
            self.client.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.break_off()
        with suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self.client.close()
        self.server.close()

    def _carry_requests(self) -> None:
        for message in _messages(self.client):
            order = self.wire.next_order() if _is_insert(message) else None
            match order:
                case Cut.REQUEST_LOST:
                    self.break_off()
                case Cut.REPLY_LOST:
                    self._unwanted.add(message[4:8])
                    self._pass_on(message)
                case Cut.REPLY_LATE:
                    self._late.add(message[4:8])
                    self._pass_on(message)
                case Cut.HELD:
                    self._unwanted.add(message[4:8])
                    self.wire.held.append((self, message))
                    self.break_off()
                case Cut.SILENCE:
                    pass
                case _:
                    if order is not None:
                        order()
                    self._pass_on(message)

    def _pass_on(self, message: bytes) -> None:
        with suppress(OSError):  # the wire is being closed, or the server is
            self.server.sendall(message)

    def _carry_replies(self) -> None:
        for message in _messages(self.server):
            if message[8:12] in self._late:
                self.wire.may_answer.wait()
            if message[8:12] in self._unwanted:
                self.answered.put(message)
                self.break_off()
            else:
                with suppress(OSError):
                    self.client.sendall(message)


def _messages(end: socket.socket) -> Iterator[bytes]:
    """Yield whole messages (length, request id, response to, opcode, body) until the connection breaks."""
    with suppress(OSError):
        while head := end.recv(16, socket.MSG_WAITALL):
            rest = int.from_bytes(head[:4], "little") - 16
            yield head + end.recv(rest, socket.MSG_WAITALL)


def _is_insert(message: bytes) -> bool:
    # OP_MSG: flags, the kind of the first section, its length; then the first element's type (text) and name.
    return message[25:33] == b"\x02insert\x00"


@contextmanager
def wire_to(server: str) -> Iterator[Wire]:
    """Yield a wire to the server that listens at the path `server`."""
    with TemporaryDirectory(prefix="eq-") as folder:
        wire = Wire(server, Path(folder, "wire.sock"))
        try:
            yield wire
        finally:
            wire.close()
