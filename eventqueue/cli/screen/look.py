"""How rows fit a screen: columns give way by rank, and while one looks on none of them becomes narrower. Pure."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from rich.text import Text

from eventqueue.cli.render.columns import figures_of, line, widths_of
from eventqueue.cli.render.fit import Need, fit, kept
from eventqueue.cli.render.named import Column

TEXT_LEAST = 12  # characters that a text has before a column of a lower rank goes


class Look:
    """The columns of a pane, as wide as what was seen in them needs."""

    def __init__(self, columns: Sequence[Column[Any]]) -> None:
        self._columns = columns
        self._least = [len(one.title) + 1 for one in columns]  # with the sign of what they are ordered by
        self._widths: Sequence[int] = self._least

    def forget(self) -> None:
        """Have each column take what it needs from now on."""
        self._widths = self._least

    def shown(self, room: int) -> Sequence[int]:
        """Return the places of the columns that there is room for."""
        return kept(self._needs(), room)

    def lines(self, rows: Sequence[Sequence[Text]], room: int) -> list[Text]:
        """Return each row as a line, all `room` wide."""
        self._widths = [max(pair) for pair in zip_longest(widths_of(rows), self._widths, fillvalue=0)]
        needs, places, figures = self._needs(), self.shown(room), figures_of(rows)
        widths = fit([needs[place] for place in places], room, is_strict=True)
        return [
            _exactly(line([row[place] for place in places], widths, [figures[place] for place in places]), room)
            for row in rows
        ]

    def _needs(self) -> Sequence[Need]:
        return [
            Need(width, TEXT_LEAST if one.is_text else None, one.rank)
            for one, width in zip(self._columns, self._widths, strict=True)
        ]


def _exactly(text: Text, room: int) -> Text:
    text.no_wrap, text.end = True, ""
    text.truncate(room, pad=True)
    return text
