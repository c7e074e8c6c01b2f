"""Rows on a screen: columns that give way by rank where there is no room, so that what matters most is always seen."""

from collections.abc import Mapping, MutableMapping, Sequence

import msgspec
from rich.text import Text

from eventqueue.cli.render.columns import GAP
from eventqueue.model.figures import shortened
from eventqueue.system.printable import clean

LOOSE_LEAST = 12  # characters that a loose column has before a column of a lower rank goes
LONGEST = 1000  # characters of a cell that are looked at: no screen is wider, and no sentence longer


class Column(msgspec.Struct, frozen=True):
    """A column: those of the highest rank go first, of rank 0 none does; a loose one is cut to what room is left.

    `keeps_end`: it is cut at its beginning, and before all others: of ids the end tells them apart.
    """

    title: str
    rank: int = 0
    is_loose: bool = False
    is_figure: bool = False
    keeps_end: bool = False


def cell(text: object, style: str = "") -> Text:
    """Return what stands in a row: one line, which steers nothing, whoever wrote it."""
    return Text(clean(shortened(str(text), LONGEST)), style, no_wrap=True, end="")


def number(amount: float, style: str = "") -> Text:
    """Return a number; that there is none is not stressed."""
    return cell(f"{amount:,}", style if amount else "dim")


def kept(columns: Sequence[Column], widths: Mapping[str, int], room: int) -> Sequence[Column]:
    """Return the columns for which there is room, in their order."""
    left = list(columns)
    while len(left) > 1 and _least(left, widths) > room:
        last = max(left, key=lambda one: one.rank)
        if not last.rank:
            break
        left.remove(last)
    return left


def widths_of(columns: Sequence[Column], rows: Sequence[Sequence[Text]], before: MutableMapping[str, int]) -> None:
    """Widen what each column took before to what it takes now: while one looks on, none becomes narrower."""
    for place, column in enumerate(columns):
        widest = max((row[place].cell_len for row in rows), default=0)
        before[column.title] = max(before.get(column.title, 0), len(column.title) + 1, widest)


def line(columns: Sequence[Column], cells: Mapping[str, Text], widths: Mapping[str, int], room: int) -> Text:
    """Return a row, `room` wide, of the columns for which there is room; `cells` by their titles."""
    fit = fitting(columns, widths, room)
    whole = Text(no_wrap=True, end="")
    for column, width in fit.items():
        text = cells[column.title].copy()
        if column.keeps_end and text.cell_len > width:
            text = Text.assemble("…", text[len(text) - width + 1 :], style=text.style, end="")
        text.truncate(width, overflow="ellipsis")
        filler = " " * (width - text.cell_len)
        whole.append(GAP if whole else "")
        whole.append(filler if column.is_figure else "").append_text(text).append("" if column.is_figure else filler)
    whole.truncate(room)
    whole.append(" " * (room - whole.cell_len))
    return whole


def fitting(columns: Sequence[Column], widths: Mapping[str, int], room: int) -> Mapping[Column, int]:
    """Return the columns that are shown, and how wide each is: loose ones share what the others leave, fairly."""
    shown = kept(columns, widths, room)
    fit = {one: widths[one.title] for one in shown}
    ids = [one for one in shown if one.keeps_end]
    loose = sorted((one for one in shown if one.is_loose and not one.keeps_end), key=lambda one: fit[one])
    left = room - len(GAP) * (len(shown) - 1) - sum(fit[one] for one in shown if not one.is_loose)
    wanted = {one: fit[one] for one in ids}
    fit |= {one: min(fit[one], LOOSE_LEAST) for one in ids}
    left -= sum(fit[one] for one in ids)
    for place, one in enumerate(loose):
        fit[one] = max(1, min(fit[one], left // (len(loose) - place)))
        left -= fit[one]
    for one in ids:
        more = max(0, min(wanted[one] - fit[one], left))
        fit[one] += more
        left -= more
    return fit


def _least(columns: Sequence[Column], widths: Mapping[str, int]) -> int:
    wide = (min(widths[one.title], LOOSE_LEAST) if one.is_loose else widths[one.title] for one in columns)
    return sum(wide) + len(GAP) * (len(columns) - 1)
