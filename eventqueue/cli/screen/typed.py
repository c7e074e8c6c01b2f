"""A line to type into: a reason before something is done, a filter. Enter takes it, Esc leaves all as it is."""

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from eventqueue.cli.screen.pane import cell

Check = Callable[[str], str | None]
"""Returns what is wrong with what was typed, None if nothing is."""


class Typed(ModalScreen[str | None]):
    """Asks for a line; `question` stands above it, `hint` in it while it is empty, what is wrong with it below it.

    `taken`: what happens where it is taken.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", show=False)]
    DEFAULT_CSS = """
    Typed { align: center bottom; background: transparent; }
    Typed > Vertical { height: auto; max-height: 100%; width: 100%; background: ansi_default; border-top: solid; }
    Typed Static { height: auto; width: 100%; }
    Typed Input { height: 1; border: none; padding: 0; background: ansi_default; }
    Typed Input:focus { border: none; }
    """

    def __init__(self, question: str, hint: str, taken: str, *, value: str = "", check: Check = lambda _: None) -> None:
        super().__init__()
        self._question = question
        self._hint = hint
        self._taken = taken
        self._value = value
        self._check = check

    def compose(self) -> ComposeResult:
        """See Screen."""
        with Vertical():
            yield Static(cell(self._question, "bold"), markup=False)
            yield Input(self._value, placeholder=self._hint, select_on_focus=False, highlighter=None)
            yield Static(id="wrong", markup=False)
            yield Static(
                Text.assemble(("Enter", "bold"), f" {self._taken}  ", ("Esc", "bold"), " goes back"), markup=False
            )

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """See Input."""
        event.stop()
        if not self.is_current:  # Esc, or Enter again, came right behind it
            return
        if (wrong := self._check(event.value)) is None:
            self.dismiss(event.value)
        else:
            shown = cell(wrong, "red")
            shown.no_wrap = False
            self.query_one("#wrong", Static).update(shown)
