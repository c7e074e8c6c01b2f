"""What a pane shows: its columns, and the orders that its rows may have. Pure, for who draws it once, too."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from rich.text import Text

from eventqueue.cli.render.columns import figure, text_of
from eventqueue.cli.render.named import Column
from eventqueue.model.figures import shortened
from eventqueue.system.printable import clean

LONGEST = 1000  # characters of a cell that are looked at: no screen is wider, and no sentence longer

T = TypeVar("T")

Order = Callable[[T], Any]
"""Returns what a row is ordered by, the least first."""

Short = Callable[[str], str]
"""Returns a job's id as it is shown."""


class Pane(msgspec.Struct, Generic[T], frozen=True):
    """A pane: `key` tells its rows apart, `orders` are by the columns that they are called by, the first is the usual.

    `first`: what comes before all else in whatever order. `nothing`: said where there is no row.
    """

    name: str
    columns: Sequence[Column[T]]
    key: Callable[[T], str]
    orders: Mapping[str, Order[T]]
    nothing: str
    first: Order[T] = lambda _: 0

    def arranged(self, rows: Sequence[T], order: Order[T], *, is_inverted: bool = False) -> Sequence[T]:
        """Return the rows in this order."""
        return sorted(sorted(rows, key=order, reverse=is_inverted), key=self.first)

    @property
    def named(self) -> tuple[Mapping[str, Column[T]], Sequence[str]]:
        """The columns by their titles, and these: what a table is made of."""
        named = {one.title: one for one in self.columns}
        return named, list(named)

    def drawn(self, row: T) -> Sequence[Text]:
        """Return the cells of a row."""
        return [text_of(one.cell(row)) for one in self.columns]


def cell(text: object, style: str = "") -> Text:
    """Return what stands in a row: one line, which steers nothing, whoever wrote it."""
    return Text(clean(shortened(str(text), LONGEST)), style, no_wrap=True, end="")


def number(amount: float, style: str = "") -> Text:
    """Return a number; that there is none is not stressed."""
    return figure(f"{amount:,}", style if amount else "dim")


def titled(name: str, *figures: str) -> Text:
    """Return the title of some rows."""
    return cell("  ".join(filter(None, (name, *figures))))
