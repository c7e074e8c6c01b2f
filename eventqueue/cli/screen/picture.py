"""Everything at once, in parts: queues, what runs, the last failures. Pure: on a live screen, or drawn once."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

from rich.text import Text

from eventqueue.cli.render.columns import Table
from eventqueue.cli.render.named import table
from eventqueue.cli.screen import failures, queues, running
from eventqueue.cli.screen.heads import head
from eventqueue.cli.screen.pane import Pane
from eventqueue.model.ends import shown_among
from eventqueue.ports.views import Glance

PANES: Sequence[Pane[Any]] = (queues.PANE, running.PANE, failures.PANE)

Part = tuple[Sequence[Any], Text]
"""The rows of a pane, and its title."""


def parts(glance: Glance, *, are_whole: bool = False) -> Sequence[Part]:
    """Return the part of each pane; `are_whole`: ids are as they are, and not the ends of those that we make."""
    jobs = chain(glance.failures, *(running for _, running in glance.workers))
    short = str if are_whole else shown_among(job.id for job in jobs)
    return queues.shown(glance), running.shown(glance, short), failures.shown(glance, short)


def once(glance: Glance, *, are_whole: bool) -> list[Table | Text]:
    """Return what is printed where nobody watches: the head, and of each pane all rows, in its usual order."""
    found: list[Table | Text] = [*head(glance)]
    for pane, (rows, title) in zip(PANES, parts(glance, are_whole=are_whole), strict=True):
        title.stylize("dim")
        found += [Text(""), title, _table(pane, rows) if rows else Text(pane.nothing)]
    return found


def _table(pane: Pane[Any], rows: Sequence[Any]) -> Table:
    order = next(iter(pane.orders.values()))
    return table(*pane.named, pane.arranged(rows, order))
