"""Tables on a terminal too narrow for them: the texts of a row stand below it, and not cut to nothing beside it.

What a row is known by stays in its line. No id is cut, and of a long text two lines are shown.
"""

from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import chain

from rich.console import Console
from rich.text import Text

from eventqueue.cli.render.columns import GAP, Cell, Columns, Table, texts, titles, widths_of

ROOM = 36  # characters that each text should have beside the rest, if it needs them, or all stand below it
INDENT, LEAST = 4, 25
LINES = 2  # of a text below its row
BETWEEN = " · "
DAY = len("2026-11-28")


def laid_out(parts: Iterable[Table], width: int | None) -> Iterator[Text]:
    """Yield the lines of a table that comes in parts: in columns, or tall where the first part lacks the room."""
    coming = iter(parts)
    if (first := next(coming, None)) is None:
        return
    lines = Columns(width).lines if width is None or _has_room(first, width) else _Tall(first, width).lines
    for part in chain([first], coming):
        yield Text("\n").join(lines(part))


def _has_room(table: Table, width: int) -> bool:
    widths = widths_of([titles(table), *texts(table)], len(table.titles))
    missing = _together(widths) - width
    if not table.loose or missing <= 0:
        return True
    loose = widths[-table.loose :]
    return not table.whole and sum(loose) - missing >= sum(min(ROOM, one) for one in loose)


def _together(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * (len(widths) - 1)


class _Tall:
    """The rows of a table, each with its texts below it."""

    def __init__(self, first: Table, width: int) -> None:
        self._room = max(width - INDENT, LEAST)
        self._wrapping = Console(file=StringIO(), width=self._room)
        self._rigid = len(first.titles) - first.loose
        self._columns = Columns(None)
        self._titles: Sequence[Sequence[Text]] = [titles(first)]
        # A day is told once where its rows are too long even so.
        keys = [row[: self._rigid] for row in (titles(first), *texts(first))]
        self._has_days = first.dated and _together(widths_of(keys, self._rigid)) > width
        self._day = ""

    def lines(self, part: Table) -> list[Text]:
        """Return the next lines."""
        below = [row[self._rigid :] for row in (*self._titles, *texts(part))]
        days = ["" for _ in self._titles] + [self._day_of(row[0]) for row in part.rows]
        self._titles = ()
        keys = [self._key(row[: self._rigid]) for row in part.rows]
        heads = self._columns.lines(Table(part.titles[: self._rigid], keys, loose=0))
        return [
            line
            for day, head, cells in zip(days, heads, below, strict=True)
            for line in (*self._turn_to(day), head, *self._below(cells, is_whole=part.whole))
        ]

    def _day_of(self, cell: Cell) -> str:
        return str(cell or "")[:DAY] if self._has_days else ""

    def _key(self, row: Sequence[Cell]) -> Sequence[Cell]:
        return [str(row[0] or "")[DAY + 1 :], *row[1:]] if self._has_days else row

    def _turn_to(self, day: str) -> list[Text]:
        if day in ("", self._day):
            return []
        self._day = day
        return [Text(day, "bold")]

    def _below(self, cells: Sequence[Text], *, is_whole: bool) -> list[Text]:
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
