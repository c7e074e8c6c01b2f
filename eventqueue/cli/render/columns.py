"""A table without lines: every column as wide as it needs, but for the last, which share what room is left."""

from collections.abc import Collection, Sequence
from itertools import zip_longest

import msgspec
from rich.text import Text

from eventqueue.cli.render.fit import GAP, USUAL, Need, fit
from eventqueue.system.printable import clean

ROOM = 36  # characters that each text should have beside the rest, if it needs them

Cell = Text | str | int | None


class Table(msgspec.Struct, frozen=True):
    """Titles and rows; a number is set to the right, None is left empty; the last `loose` columns may be cut.

    `loose` may name the places of these columns instead. Unless they are `whole`: then there must be room for them.
    `dated`: the first column begins with the day. `ranks`: of each column, where there may not be room for all: the
    highest goes first, and one of 0 never. `room`: characters that each text should have, if it needs them; or of each
    column how many. `needed`: up to this rank columns stay as long as texts may stand below their rows instead.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    loose: int | tuple[int, ...] = 1
    whole: bool = False
    dated: bool = False
    ranks: Sequence[int] = ()
    room: int | Sequence[int] = ROOM
    needed: int = 0

    @property
    def loose_places(self) -> Sequence[int]:
        """The places of the columns that may be cut."""
        number = len(self.titles)
        return range(number - self.loose, number) if isinstance(self.loose, int) else self.loose


def fitted(table: Table, width: int | None) -> Text:
    """Return the table's lines, the loose columns cut to what `width` leaves of it.

    With None these are not cut, and filled up to what is usual: one long text would widen every line.
    """
    return Text("\n").join(Columns(width).lines(table))


class Columns:
    """The columns of a table that comes in parts: titles once, none narrower than it was before."""

    def __init__(self, width: int | None) -> None:
        self._width = width
        self._widths: Sequence[int] = ()

    def lines(self, part: Table) -> list[Text]:
        """Return the next lines."""
        rows = texts(part)
        figures = figures_of(part.rows)
        if not self._widths:
            rows.insert(0, titles(part))
        own = widths_of(rows, part.loose_places, None if self._width is not None else USUAL)
        widths = self._widths = [max(pair) for pair in zip_longest(own, self._widths, fillvalue=0)]
        if self._width is None:
            return [line(row, [max(c.cell_len, w) for c, w in zip(row, widths, strict=True)], figures) for row in rows]
        fitting = fit(needs(part, widths), self._width, is_strict=bool(part.ranks))
        return [line(row, fitting, figures) for row in rows]


def texts(table: Table) -> list[list[Text]]:
    """Return the rows as they are drawn."""
    return [[text_of(cell) for cell in row] for row in table.rows]


def titles(table: Table) -> list[Text]:
    """Return the titles as they are drawn."""
    return [Text(title, "bold") for title in table.titles]


def widths_of(rows: Sequence[Sequence[Text]], loose: Collection[int] = (), usual: int | None = None) -> Sequence[int]:
    """Return how wide each column is; of the loose ones without what is wider than `usual`."""
    return [
        max((c.cell_len for c in column if usual is None or place not in loose or c.cell_len <= usual), default=0)
        for place, column in enumerate(zip(*rows, strict=True))
    ]


def figure(text: str, style: str = "") -> Text:
    """Return a cell that stands to the right, as numbers do."""
    return Text(text, style, justify="right")


def needs(table: Table, widths: Sequence[int]) -> Sequence[Need]:
    """Return what each column needs: the loose ones the room that a text should have, unless they are whole."""
    ranks = table.ranks or [0] * len(widths)
    rooms = [table.room] * len(widths) if isinstance(table.room, int) else table.room
    cut = () if table.whole else table.loose_places
    return [Need(width, rooms[at] if at in cut else None, ranks[at]) for at, width in enumerate(widths)]


def figures_of(rows: Sequence[Sequence[Cell]]) -> Sequence[bool]:
    """Return of each column whether numbers stand in it."""
    return [any(map(_is_figure, column)) for column in zip(*rows, strict=True)]


def _is_figure(cell: Cell) -> bool:
    return isinstance(cell, int) or (isinstance(cell, Text) and cell.justify == "right")


def text_of(cell: Cell) -> Text:
    """Return a cell as it is drawn, a line that steers nothing."""
    if isinstance(cell, Text):
        return cell
    return Text("" if cell is None else f"{cell:,}" if isinstance(cell, int) else clean(cell))


def line(row: Sequence[Text], widths: Sequence[int], figures: Sequence[bool]) -> Text:
    """Return a row, each cell cut or filled up to its width; `figures`: which of them stand to the right."""
    cells = []
    for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
        cell.truncate(width, overflow="ellipsis")
        filler = Text(" " * (width - cell.cell_len))
        is_figure = place < len(figures) and figures[place]
        cells.append(filler + cell if is_figure else cell + filler)
    whole = Text(GAP).join(cells)
    whole.rstrip()
    return whole
