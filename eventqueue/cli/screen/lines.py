"""Lines of text to go through by keys, such as what a job writes: who is at their end stays there as they come."""

from collections import deque
from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widget import Widget

KEPT = 2_000  # lines


class Lines(Widget, can_focus=True):
    """Lines, the newest KEPT of them, wrapped where they are wider than there is room."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "go(-1)", show=False),
        Binding("down,j", "go(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "end(-1)", show=False),
        Binding("end,G", "end(1)", show=False),
    ]

    def __init__(self, title: str, **more: Any) -> None:
        super().__init__(**more)
        self.title = title
        self._lines: deque[Text] = deque(maxlen=KEPT)
        self._is_open = False  # the last line goes on
        self._below = 0  # lines below those that are seen

    def clear(self) -> None:
        """Have no line."""
        self._lines.clear()
        self._is_open, self._below = False, 0
        self.refresh()

    def add(self, text: Text) -> None:
        """Go on with this text, in the last line where that has not ended."""
        for place, part in enumerate(text.split("\n", allow_blank=True)):
            if place == 0 and self._is_open and self._lines:
                self._lines[-1] = self._lines[-1].copy().append_text(part)
            else:
                self._lines.append(part)
        self._is_open = True
        self.refresh()

    def add_line(self, text: Text) -> None:
        """Add a line of its own."""
        if self._is_open and self._lines and not self._lines[-1].plain:
            self._lines.pop()
        self._lines.append(text)
        self._is_open = False
        self.refresh()

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
        found: list[Text] = []
        for line in self._lines:
            found.extend(line.wrap(self.app.console, width, overflow="fold", tab_size=8) if line.plain else [line])
        return found[:-1] if found and self._is_open and not found[-1].plain else found

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
