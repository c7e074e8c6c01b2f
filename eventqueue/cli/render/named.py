"""Columns by name: what a list can show of each of its rows, which of that is asked for, and in what order. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

import msgspec

from eventqueue.cli.render.columns import ROOM, Cell, Table

R = TypeVar("R")


class Column(msgspec.Struct, Generic[R], frozen=True):
    """A column: its title, what it shows of a row, and when it goes where there is no room for all, see Table.

    `is_text`: it may be cut. `least`: characters that it should have then, 0 for as many as all texts of its table.
    """

    title: str
    cell: Callable[[R], Cell]
    rank: int = 0
    is_text: bool = False
    least: int = 0


def table(columns: Mapping[str, Column[R]], names: Sequence[str], rows: Sequence[R], room: int = ROOM) -> Table:
    """Return a table of these columns, in this order."""
    shown = [columns[name] for name in names]
    return Table(
        [one.title for one in shown],
        [[one.cell(row) for one in shown] for row in rows],
        loose=tuple(place for place, one in enumerate(shown) if one.is_text),
        ranks=[one.rank for one in shown],
        room=[one.least or room for one in shown],
    )
