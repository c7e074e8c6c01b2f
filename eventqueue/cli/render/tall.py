"""Tables on a terminal too narrow for them: the texts of a row stand below it, and not cut to nothing beside it.

Before that, where columns have ranks, those go that are needed least. What a row is known by stays in its line, and of
a long text two lines are shown.
"""

from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import chain
from typing import TypeVar

from msgspec.structs import replace
from rich.console import Console
from rich.text import Text

from eventqueue.cli.render.columns import Cell, Columns, Table, needs, texts, titles, widths_of
from eventqueue.cli.render.fit import Need, kept, missing, together

INDENT, LEAST = 4, 25
LINES = 2  # of a text below its row
BETWEEN = " · "
DAY = len("2026-11-28")


def laid_out(parts: Iterable[Table], width: int | None) -> Iterator[Text]:
    """Yield the lines of a table that comes in parts: in columns, or tall where the first part lacks the room."""
    coming = iter(parts)
    if (first := next(coming, None)) is None:
        return
    is_tall = width is not None and _is_tall(first, width)
    shown = range(len(first.titles)) if width is None else _shown(first, width, is_tall=is_tall)
    first = _only(first, shown)
    lines = _Tall(first, width).lines if width is not None and is_tall else Columns(width).lines
    for part in chain([first], (_only(one, shown) for one in coming)):
        yield Text("\n").join(lines(part))


def _shown(table: Table, width: int, *, is_tall: bool = False) -> Sequence[int]:
    """Return the places of the columns that there is room for; `is_tall`: the texts stand below."""
    return kept(_needs(table, is_tall=is_tall), width)


def _is_tall(table: Table, width: int) -> bool:
    beside, below = _shown(table, width), _shown(table, width, is_tall=True)
    needed = {place for place in below if table.ranks and table.ranks[place] <= table.needed}
    return not _fits(table, beside, width) or not needed.issubset(beside)


def _fits(table: Table, shown: Sequence[int], width: int) -> bool:
    found = _needs(table, is_tall=False)
    return not table.loose or missing([found[place] for place in shown], width) <= 0


def _needs(table: Table, *, is_tall: bool) -> Sequence[Need]:
    found = needs(table, widths_of([titles(table), *texts(table)]))
    loose = table.loose_places if is_tall else ()
    return [replace(one, is_below=place in loose) for place, one in enumerate(found)]


def _only(table: Table, shown: Sequence[int]) -> Table:
    """Return the table with these of its columns."""
    if len(shown) == len(table.titles):
        return table
    return replace(
        table,
        titles=[table.titles[place] for place in shown],
        rows=[[row[place] for place in shown] for row in table.rows],
        loose=tuple(at for at, place in enumerate(shown) if place in table.loose_places),
        ranks=[table.ranks[place] for place in shown],
        room=table.room if isinstance(table.room, int) else [table.room[place] for place in shown],
    )


T = TypeVar("T")


class _Tall:
    """The rows of a table, each with its texts below it."""

    def __init__(self, first: Table, width: int) -> None:
        self._room = max(width - INDENT, LEAST)
        self._wrapping = Console(file=StringIO(), width=self._room)
        self._below = first.loose_places
        self._columns = Columns(width if first.ranks else None)
        self._titles: Sequence[Sequence[Text]] = [titles(first)]
        # A day is told once where its rows are too long even so.
        keys = [self._beside(row) for row in (titles(first), *texts(first))]
        self._has_days = first.dated and together(widths_of(keys)) > width
        self._day = ""

    def lines(self, part: Table) -> list[Text]:
        """Return the next lines."""
        below = [[row[place] for place in self._below] for row in (*self._titles, *texts(part))]
        days = ["" for _ in self._titles] + [self._day_of(row[0]) for row in part.rows]
        self._titles = ()
        keys = [self._key(self._beside(row)) for row in part.rows]
        heads = self._columns.lines(Table(self._beside(part.titles), keys, loose=0, ranks=self._beside(part.ranks)))
        return [
            line
            for day, head, cells in zip(days, heads, below, strict=True)
            for line in (*self._turn_to(day), head, *self._texts(cells, is_whole=part.whole))
        ]

    def _beside(self, row: Sequence[T]) -> Sequence[T]:
        return [cell for place, cell in enumerate(row) if place not in self._below]

    def _day_of(self, cell: Cell) -> str:
        return str(cell or "")[:DAY] if self._has_days else ""

    def _key(self, row: Sequence[Cell]) -> Sequence[Cell]:
        return [str(row[0] or "")[DAY + 1 :], *row[1:]] if self._has_days else row

    def _turn_to(self, day: str) -> list[Text]:
        if day in ("", self._day):
            return []
        self._day = day
        return [Text(day, "bold")]

    def _texts(self, cells: Sequence[Text], *, is_whole: bool) -> list[Text]:
        told = [cell for cell in cells if cell.plain]
        if is_whole and 0 < len(told) < len(cells):  # else nobody could tell which it is that is there
            told = [cell if cell.plain else Text("–") for cell in cells]
        for cell in told if not is_whole else ():
            cell.truncate(self._room * LINES, overflow="ellipsis")
        lines = Text(BETWEEN).join(told).wrap(self._wrapping, self._room) if told else ()
        for line in lines:
            line.rstrip()
            line.pad_left(INDENT)
        return [*lines]
