"""Names that there are, where one is typed: what a shell is told that may stand there.

Nothing is started or built for it, nor brought up to date, and whatever goes wrong nothing is said: a shell asks while
somebody types.
"""

import os
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from eventqueue.cli.options import DB, given, given_uri
from eventqueue.cli.values import Named, Text

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from eventqueue.api.queue import Queue

MOST = 100
NEWEST = 500  # jobs whose tags are known
WAIT_S = 1.0
# What is but a name to a shell, and to a command no option: others choose those of jobs.
_SAFE = re.compile(r"(?![-=])[\w.:@%+,/=-]+", re.ASCII)

Find = Callable[["Queue", str], Iterable[str]]
"""Returns names of a kind, those that begin with a text among them."""


class Known(Named):
    """A name of which some are known."""

    def __init__(self, find: Find) -> None:
        self._find = find

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":  # noqa: ARG002
        """See click.ParamType."""
        from click.shell_completion import CompletionItem

        try:
            return [CompletionItem(name) for name in _beginning(ctx, self._find, incomplete)]
        except Exception:  # whatever it is
            return []


class Job(Known):
    """The id of a job, a part of it, or its place in the list before, such as `@3`."""

    def meant(self, ctx: click.Context, typed: str) -> str:
        """See Named."""
        from eventqueue.cli.listed import recalled

        return recalled(ctx, typed)


class Setting(Text):
    """The name of a setting."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> "list[CompletionItem]":  # noqa: ARG002
        """See click.ParamType."""
        from click.shell_completion import CompletionItem

        from eventqueue.model.settings import SETTINGS

        return [CompletionItem(name) for name in SETTINGS if name.startswith(incomplete)]


def _beginning(ctx: click.Context, find: Find, text: str) -> list[str]:
    from eventqueue.api.queue import Queue
    from eventqueue.mongo.patience import answered_within

    uri, db = given_uri(ctx) or _local(), given(ctx, "db")
    if uri is None:
        return []
    with answered_within(WAIT_S), Queue(uri, DB if db is None else db, prepares=False) as queue:
        found = (name for name in find(queue, text) if name.startswith(text) and _SAFE.fullmatch(name))
        return list(dict.fromkeys(found))[:MOST]


def _local() -> str | None:
    """Return the URI of the local server, None where it does not run."""
    from eventqueue.server import home
    from eventqueue.server.local import status

    running = status(home(os.environ))
    return None if running is None else running.uri


def _jobs(queue: "Queue", text: str) -> Iterable[str]:
    from eventqueue.model.events import name_in, stream_of
    from eventqueue.ports.views import Filter

    if not text:  # the newest, of very many
        return queue.connection.views.ids(Filter(limit=MOST))
    return [name_in(stream) for stream in queue.connection.ground.log.find_streams(stream_of("job", text), MOST)]


def _workers(queue: "Queue", text: str) -> Iterable[str]:
    from eventqueue.model import lives
    from eventqueue.model.events import name_in, stream_of

    yield from (one.id for one in queue.workers())
    if text:  # of those that are gone, of whom there are very many
        streams = queue.connection.ground.log.find_streams(stream_of(lives.CATEGORY, text), MOST)
        yield from map(name_in, streams)


def _tags(queue: "Queue", text: str) -> Iterable[str]:  # noqa: ARG001
    from eventqueue.ports.views import Filter

    newest = queue.connection.views.traits(Filter(limit=NEWEST), "tag")
    return sorted({tag for one in newest for tag in one.tags})


JOB = Job(_jobs)
TAG = Known(_tags)
QUEUE = Known(lambda queue, _: sorted(queue.connection.views.counts()))
WORKER = Known(lambda queue, _: [one.id for one in queue.workers()])
ANY_WORKER = Known(_workers)
SCHEDULE = Known(lambda queue, _: [one.name for one in queue.schedules()])
SETTING = Setting()
