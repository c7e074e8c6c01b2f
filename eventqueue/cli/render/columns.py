"""A table without lines: every column as wide as it needs, but for the last, which share what room is left."""

from collections.abc import Collection, Sequence
from itertools import zip_longest

import msgspec
from rich.text import Text

from eventqueue.system.printable import clean

GAP = "  "
USUAL = 60  # characters of a text in a loose column
LOOSE_LEAST = 9  # characters that a loose column has in the narrowest terminal
RIGID_LEAST = 8  # of one of a table with ranks, where nothing else helps
ROOM = 36  # characters that each text should have beside the rest, if it needs them

Cell = Text | str | int | None


class Table(msgspec.Struct, frozen=True):
    """Titles and rows; a number is set to the right, None is left empty; the last `loose` columns may be cut.

    `loose` may name the places of these columns instead. Unless they are `whole`: then there must be room for them.
    `dated`: the first column begins with the day. `ranks`: of each column, where there may not be room for all: the
    highest goes first, and one of 0 never. `room`: characters that each text should have, if it needs them.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    loose: int | tuple[int, ...] = 1
    whole: bool = False
    dated: bool = False
    ranks: Sequence[int] = ()
    room: int = ROOM

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
        numeric = [any(map(_is_figure, column)) for column in zip(*part.rows, strict=True)]
        if not self._widths:
            rows.insert(0, titles(part))
        own = widths_of(rows, part.loose_places, None if self._width is not None else USUAL)
        widths = self._widths = [max(pair) for pair in zip_longest(own, self._widths, fillvalue=0)]
        if self._width is None:
            return [_line(row, [max(c.cell_len, w) for c, w in zip(row, widths, strict=True)], numeric) for row in rows]
        fit = _fit(widths, part.loose_places, self._width, is_ranked=bool(part.ranks))
        return [_line(row, fit, numeric) for row in rows]


def texts(table: Table) -> list[list[Text]]:
    """Return the rows as they are drawn."""
    return [[_text(cell) for cell in row] for row in table.rows]


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


def _is_figure(cell: Cell) -> bool:
    return isinstance(cell, int) or (isinstance(cell, Text) and cell.justify == "right")


def together(widths: Sequence[int]) -> int:
    """Return how wide columns of these widths are side by side."""
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _fit(widths: Sequence[int], loose: Sequence[int], width: int, *, is_ranked: bool) -> Sequence[int]:
    """Return how wide each column is where there is so much room for all."""
    fit = list(widths)
    # Of what others stand behind no more than is usual: on a wide terminal nobody could follow the row.
    wanted = [widths[place] if place == len(widths) - 1 else min(widths[place], USUAL) for place in loose]
    room = width - together([one for place, one in enumerate(widths) if place not in loose]) - len(GAP) * len(loose)
    for place, one in zip(loose, _shared(wanted, room), strict=True):
        fit[place] = one
    while is_ranked and together(fit) > width and max(fit) > RIGID_LEAST:
        widest = fit.index(max(fit))
        fit[widest] = max(RIGID_LEAST, fit[widest] - (together(fit) - width))
    return fit


def _shared(wanted: Sequence[int], room: int) -> list[int]:
    """Share `room` fairly: a column that wants less leaves the rest to those after it."""
    widths: list[int] = []
    for place, want in enumerate(wanted):
        fair = (room - sum(widths)) // (len(wanted) - place)
        later = sum(min(other, fair) for other in wanted[place + 1 :])
        widths.append(min(want, max(room - sum(widths) - later, fair, LOOSE_LEAST)))
    return widths


def _text(cell: Cell) -> Text:
    if isinstance(cell, Text):
        return cell
    return Text("" if cell is None else f"{cell:,}" if isinstance(cell, int) else clean(cell))


def _line(row: Sequence[Text], widths: Sequence[int], numeric: Sequence[bool]) -> Text:
    cells = []
    for place, (cell, width) in enumerate(zip(row, widths, strict=True)):
        cell.truncate(width, overflow="ellipsis")
        filler = Text(" " * (width - cell.cell_len))
        is_number = place < len(numeric) and numeric[place]
        cells.append(filler + cell if is_number else cell + filler)
    line = Text(GAP).join(cells)
    line.rstrip()
    return line
