"""Rows to go through by keys: only those that are seen are drawn, however many there are."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from eventqueue.cli.screen.going import GOING
from eventqueue.cli.screen.look import Look
from eventqueue.cli.screen.pane import Pane, cell

T = TypeVar("T")

READING = "reading …"  # said before there is anything to show


class Rows(Widget, Generic[T], can_focus=True):
    """The rows of a pane, in one of its orders."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *GOING,
        Binding("s", "sort(1)", show=False),
        Binding("S", "sort(-1)", show=False),
        Binding("I", "invert", show=False),
        Binding("space", "mark", show=False),
        Binding("enter", "enter", show=False),
    ]

    class Entered(Message):
        """Somebody wants to see more of the row at the cursor."""

        def __init__(self, row: Any) -> None:
            super().__init__()
            self.row = row

    def __init__(self, pane: Pane[T]) -> None:
        super().__init__(id=pane.name)
        self._pane = pane
        self._orders = list(pane.orders.items())
        self._look = Look(pane.columns)
        self._nothing = READING
        self._order = 0
        self._is_inverted = False
        self._items: Sequence[T] = ()
        self._cursor = 0
        self._held: str | None = None  # the row that the cursor stays on; at the top it stays where it is
        self._top = 0
        self._all: Sequence[T] = ()
        self.marked: set[str] = set()
        self.title = Text()

    # What is shown

    def show_rows(self, items: Sequence[T], title: Text | None = None, nothing: str | None = None) -> None:
        """Show these rows from now on; the cursor stays on its row. `nothing`: what is said without any, if another."""
        self._all, self._nothing = items, nothing or self._pane.nothing
        self.title = self.title if title is None else title
        self._arrange()

    def _arrange(self) -> None:
        _, order = self._orders[self._order]
        self._items = self._pane.arranged(self._all, order, is_inverted=self._is_inverted)
        keys = [self._pane.key(one) for one in self._items]
        self.marked &= set(keys)
        if self._held in keys:
            self._cursor = keys.index(self._held)
        self._cursor = max(0, min(self._cursor, len(keys) - 1))
        self.refresh()

    @property
    def items(self) -> Sequence[T]:
        """All rows, in their order."""
        return self._items

    @property
    def selected(self) -> T | None:
        """The row at the cursor."""
        return self._items[self._cursor] if self._items else None

    @property
    def chosen(self) -> Sequence[T]:
        """The rows that are marked, or else the one at the cursor."""
        found = [one for one in self._items if self._pane.key(one) in self.marked]
        return found or ([] if self.selected is None else [self.selected])

    def render(self) -> Text:
        """See Widget: the title, the columns' titles, and the rows for which there is room."""
        width, room = self.size.width, max(0, self.size.height - 2)
        self._top = max(0, min(self._top, self._cursor, len(self._items) - room))
        self._top = max(self._top, self._cursor - room + 1, 0)
        seen = self._items[self._top : self._top + room]
        cells = [self._titles(), *map(self._pane.drawn, seen)]
        titles, *drawn = self._look.lines(cells, self._room)
        lines = [self._heading(width), Text(" ", end="").append_text(titles), *map(self._line, seen, drawn)]
        if not seen and room:
            lines.append(cell(f" {self._nothing}", "dim"))
        return Text("\n", no_wrap=True, end="").join(lines[: self.size.height])

    def _heading(self, width: int) -> Text:
        place = f"  {self._cursor + 1:,} of {len(self._items):,}" if len(self._items) > self.size.height - 2 else ""
        marked = f"  {len(self.marked):,} marked" if self.marked else ""
        whole = Text.assemble(self.title, (place + marked, "dim"), no_wrap=True, end="")
        whole.stylize("bold" if self.has_focus else "dim")
        whole.truncate(width, overflow="ellipsis")
        return whole

    @property
    def _room(self) -> int:
        return max(1, self.size.width - 1)  # beside the marks

    def _titles(self) -> Sequence[Text]:
        by = self._orders[self._order][0]
        arrow = "▲" if self._is_inverted else "▼"
        return [cell(one.title + (arrow if one.title == by else ""), "bold") for one in self._pane.columns]

    def _line(self, item: T, drawn: Text) -> Text:
        mark = "•" if self._pane.key(item) in self.marked else " "
        whole = Text(mark, no_wrap=True, end="").append_text(drawn)
        if item is self.selected and self.has_focus:  # without its colours, which were blocks in reverse
            return Text(whole.plain, "reverse", no_wrap=True, end="")
        return whole

    def on_resize(self) -> None:
        """See Widget: in another width the columns take what they need now."""
        self._look.forget()

    # What keys do

    def action_go(self, by: int) -> None:
        """Go so many rows down."""
        self._cursor = max(0, min(self._cursor + by, len(self._items) - 1))
        self._held = self._pane.key(self._items[self._cursor]) if self._cursor else None
        self.refresh()

    def action_page(self, by: int) -> None:
        """Go so many pages down."""
        self.action_go(by * max(1, self.size.height - 3))

    def action_end(self, to: int) -> None:
        """Go to the first row, or to the last."""
        self.action_go(to * len(self._items))

    def action_sort(self, by: int) -> None:
        """Order by the next column that there is an order for, among those for which there is room."""
        shown = {self._pane.columns[place].title for place in self._look.shown(self._room)}
        for _ in self._orders:
            self._order = (self._order + by) % len(self._orders)
            if self._orders[self._order][0] in shown:
                break
        self._arrange()

    def action_invert(self) -> None:
        """Have what is last come first."""
        self._is_inverted = not self._is_inverted
        self._arrange()

    def action_mark(self) -> None:
        """Mark a row, or take its mark away, and go on to the next."""
        if self.selected is not None:
            self.marked ^= {self._pane.key(self.selected)}
            self.action_go(1)

    def unmark(self, keys: Iterable[str]) -> None:
        """Take the marks of these rows away."""
        self.marked.difference_update(keys)
        self.refresh()

    def mark_all(self) -> None:
        """Mark all rows, or none of them where all are."""
        keys = set(map(self._pane.key, self._items))
        self.marked = set() if self.marked == keys else keys
        self.refresh()

    def action_enter(self) -> None:
        """Tell that somebody wants to see more of it."""
        if self.selected is not None:
            self.post_message(self.Entered(self.selected))
