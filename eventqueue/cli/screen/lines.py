"""Lines of text to go through by keys, such as what a job writes: who is at their end stays there as they come."""

from collections import deque
from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.binding import BindingType
from textual.widget import Widget

from eventqueue.cli.screen.going import GOING

KEPT = 2_000  # lines
LONGEST = 2_000  # characters of a line: what goes on behind them is a further one, or a job that ends none stops all


class Lines(Widget, can_focus=True):
    """Lines, the newest KEPT of them, wrapped where they are wider than there is room."""

    BINDINGS: ClassVar[list[BindingType]] = [*GOING]

    def __init__(self, title: str, **more: Any) -> None:
        super().__init__(**more)
        self.title = title
        self._lines: deque[Text] = deque(maxlen=KEPT)
        self._folds: deque[Sequence[Text] | None] = deque(maxlen=KEPT)  # each as it is wrapped; None: not yet
        self._is_open = False  # the last line goes on
        self._below = 0  # lines below those that are seen

    def clear(self) -> None:
        """Have no line."""
        self._lines.clear()
        self._folds.clear()
        self._is_open, self._below = False, 0
        self.refresh()

    def add(self, text: Text, *, is_over: bool = False) -> None:
        """Go on with this text, in the last line where that has not ended; `is_over`: it takes that one's place."""
        for place, part in enumerate(text.split("\n", allow_blank=True)):
            if place == 0 and self._is_open and self._lines:
                self._folds.pop()
                last = self._lines.pop()
                part = part if is_over else last.copy().append_text(part)  # noqa: PLW2901
            for piece in part.divide(range(LONGEST, len(part), LONGEST)):
                self._append(piece)
        self._is_open = True
        self.refresh()

    def add_line(self, text: Text) -> None:
        """Add a line of its own."""
        if self._is_open and self._lines and not self._lines[-1].plain:
            self._lines.pop()
            self._folds.pop()
        self._append(text)
        self._is_open = False
        self.refresh()

    def _append(self, line: Text) -> None:
        self._lines.append(line)
        self._folds.append(None)

    def render(self) -> Text:
        """See Widget."""
        width, room = max(1, self.size.width), max(0, self.size.height - 1)
        wrapped = self._wrapped(width)
        self._below = max(0, min(self._below, len(wrapped) - room))
        end = len(wrapped) - self._below
        seen = wrapped[max(0, end - room) : end]
        below = f"  {self._below:,} lines below" if self._below else ""
        heading = Text(f"{self.title}{below}", "bold" if self.has_focus else "dim", no_wrap=True, end="")
        return Text("\n", no_wrap=True, end="").join([heading, *seen])

    def _wrapped(self, width: int) -> Sequence[Text]:
        for place, line in enumerate(self._lines):
            if self._folds[place] is None:
                folded = line.wrap(self.app.console, width, overflow="fold", tab_size=8) if line.plain else [line]
                self._folds[place] = list(folded)
        found = [each for one in self._folds for each in one or ()]
        return found[:-1] if found and self._is_open and not found[-1].plain else found

    def on_resize(self) -> None:
        """See Widget: in another width they are wrapped otherwise."""
        self._folds = deque([None] * len(self._lines), maxlen=KEPT)

    def action_go(self, by: int) -> None:
        """Go so many lines down."""
        self._below = max(0, self._below - by)
        self.refresh()

    def action_page(self, by: int) -> None:
        """Go so many pages down."""
        self.action_go(by * max(1, self.size.height - 2))

    def action_end(self, to: int) -> None:
        """Go to the first line, or to the last."""
        self._below = 0 if to > 0 else KEPT * 1000
        self.refresh()
