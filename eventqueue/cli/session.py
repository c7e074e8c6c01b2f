"""What a command works with: the global options in force, the queue they lead to, and the output they ask for."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from eventqueue.cli.options import DB, given, given_uri
from eventqueue.cli.output import Output
from eventqueue.cli.render.progress import counting
from eventqueue.cli.render.terminal import IS_PAGED
from eventqueue.errors import LogUnavailable
from eventqueue.system.people import actor_of
from eventqueue.telling.zone import show_times

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue

BUILT_AT_ONCE = 10_000  # events of which views are built before anybody wonders

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Session:
    """One command line's session with one database."""

    uri: str | None  # None: the local server
    db: str
    out: Output

    def server(self) -> str:
        """Return the URI of the server to use; the local one is started if it does not run."""
        if self.uri is not None:
            return self.uri
        from eventqueue.server import ensure_running, home

        return ensure_running(home(os.environ))

    @contextmanager
    def queue(self, *, prepares: bool = True) -> "Iterator[Queue]":
        """Open the queue, for as long as the command works with it; `prepares`: see Queue."""
        from eventqueue.api.queue import Queue

        with Queue(self.server(), self.db, actor=actor_of("cli"), prepares=prepares) as queue:
            queue.connection.views.building = lambda: self._building(queue.log_size())
            yield queue

    def _building(self, events: int) -> AbstractContextManager[Callable[[int], None]]:
        hidden = self.out.quiet or events < BUILT_AT_ONCE
        return counting("bringing the views up to date", events, hidden=hidden, unit="events")


def with_session(command: Callable[Concatenate[Session, P], R]) -> Callable[P, R]:
    """Give a command its session as the first argument."""

    @wraps(command)
    def call(*args: P.args, **options: P.kwargs) -> R:
        ctx = click.get_current_context()
        out = Output(as_json=bool(given(ctx, "as_json")), quiet=bool(given(ctx, "quiet")))
        show_times(is_local=bool(given(ctx, "local")) and not out.as_json)
        IS_PAGED.set(not given(ctx, "no_pager"))
        db = given(ctx, "db")
        uri = given_uri(ctx)
        try:
            return command(Session(uri, DB if db is None else db, out), *args, **options)
        except LogUnavailable as error:
            out.in_doubt(error)
            raise

    return call
