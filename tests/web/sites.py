"""A page that is served as `queuectl web` does it, as tests know it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from eventqueue.api.queue import Queue
from eventqueue.model.moments import moment_of
from eventqueue.web.app import make_app
from eventqueue.web.guard import Keys
from eventqueue.web.house import House
from eventqueue.web.server import Server, listen


class Site(NamedTuple):
    """Where it is, by what tokens it lets in, and what its requests share."""

    url: str
    keys: Keys
    house: House


@contextmanager
def served(queue: Queue) -> Iterator[Site]:
    """Yield the page over a queue, served in a thread on a free port."""
    keys = Keys("the-viewers-token", "the-operators-token")
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        app = make_app(queue, keys, [f"127.0.0.1:{port}"], f"queuectl-{port}")
        server = Server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield Site(f"http://127.0.0.1:{port}", keys, app.state.house)
        finally:
            server.end()
            thread.join()


def was_at(queue: Queue, job_id: str) -> str:
    """Return the moment of a job's last event, as an address has it."""
    moment = moment_of(queue.history(job_id)[-1])
    assert moment is not None
    return moment.isoformat()
