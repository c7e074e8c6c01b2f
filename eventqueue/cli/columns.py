"""A table without lines: every column as wide as it needs, but for the last, which share what room is left."""

from collections.abc import Sequence

import msgspec
from rich.text import Text

from eventqueue.printable import clean

GAP = "  "
USUAL = 60  # characters of a text in a loose column
LOOSE_LEAST = 9  # characters that a loose column has in the narrowest terminal

Cell = Text | str | int | None


class Table(msgspec.Struct, frozen=True):
    """Titles and rows; a number is set to the right, None is left empty; the last `loose` columns may be cut."""

    titles: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    loose: int = 1


def fitted(table: Table, width: int | None) -> Text:
    """Return the table's lines, the loose columns cut to what `width` leaves of it.

    With None these are not cut, and filled up to what is usual: one long text would widen every line.
    """
    rows = [[Text(title, "bold") for title in table.titles], *([_text(cell) for cell in row] for row in table.rows)]
    columns = list(zip(*rows, strict=True))
    widths = [max(cell.cell_len for cell in column) for column in columns]
    numeric = [any(map(_is_figure, column)) for column in zip(*table.rows, strict=True)]
    rigid = len(widths) - table.loose
    if width is not None:
        room = width - sum(widths[:rigid]) - len(GAP) * (len(widths) - 1)
        widths = widths[:rigid] + _shared(widths[rigid:], room)
        return Text("\n").join(_line(row, widths, numeric) for row in rows)
    usual = widths[:rigid] + [
        max((cell.cell_len for cell in column if cell.cell_len <= USUAL), default=0) for column in columns[rigid:]
    ]
    return Text("\n").join(
        _line(row, [max(cell.cell_len, least) for cell, least in zip(row, usual, strict=True)], numeric) for row in rows
    )


def figure(text: str, style: str = "") -> Text:
    """Return a cell that stands to the right, as numbers do."""
    return Text(text, style, justify="right")


def _is_figure(cell: Cell) -> bool:
    return isinstance(cell, int) or (isinstance(cell, Text) and cell.justify == "right")


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
