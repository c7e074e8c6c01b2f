"""What all screens have: the head above, what was said and the keys that work here below."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from eventqueue.cli.screen.heads import cut, head, keys
from eventqueue.cli.screen.rows import Rows

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.cli.screen.acts import Intent
    from eventqueue.cli.screen.asking import Asking, Looking
    from eventqueue.ports.views import Glance


class Stage(Protocol):
    """What a screen needs of the application that it is of."""

    queue: "Queue"
    asking: "Asking"
    looking: "Looking"
    said: Text

    def say(self, sentence: str, style: str = "") -> None:
        """Say something in the line above the keys, until something else is said."""
        ...


class Board(Screen[None]):
    """One screen; `KEYS`: those that work here beside those that work everywhere, and what they do."""

    KEYS: ClassVar[Sequence[tuple[str, str]]] = ()
    DEFAULT_CSS = """
    Board { layout: vertical; }
    Board > .line { height: 1; width: 100%; }
    Board > #head { height: 2; width: 100%; }
    Rows { height: 1fr; width: 100%; }
    """

    def compose(self) -> ComposeResult:
        """See Screen."""
        yield Static(id="head", markup=False)
        yield from self.body()
        yield Static(id="said", classes="line", markup=False)
        yield Static(id="keys", classes="line", markup=False)

    def body(self) -> ComposeResult:
        """Yield what is between head and foot."""
        yield from ()

    @property
    def top(self) -> Stage:
        """The screen's application."""
        return cast("Stage", self.app)

    def on_screen_resume(self) -> None:
        """See Screen: it is on top again, or for the first time."""
        self.seen(self.top.looking.glance)

    def on_resize(self) -> None:
        """See Screen."""
        self.seen(self.top.looking.glance)

    def seen(self, glance: "Glance") -> None:
        """Show what was seen last."""
        self.draw_frame()
        self.draw(glance)

    def draw_frame(self) -> None:
        """Show what is around, which changes while nothing else does."""
        width, looking = self.size.width, self.top.looking
        lines = head(looking.glance, looking.silent_s(), looking.problem)
        self.line("head").update(Text("\n", end="").join(cut(one, width) for one in lines))
        self.line("said").update(self.top.said)
        self.line("keys").update(keys(self.KEYS, width))

    def draw(self, glance: "Glance") -> None:
        """Show what this screen is about."""

    def line(self, name: str) -> Static:
        """Return a line of the frame."""
        return self.query_one(f"#{name}", Static)

    @property
    def rows(self) -> Rows[Any] | None:
        """The rows that the cursor is in."""
        return self.focused if isinstance(self.focused, Rows) else None

    @property
    def pane(self) -> Rows[Any] | None:
        """The rows of a screen that has no others; None: a key has come before they are there."""
        return next(iter(self.query(Rows)), None)

    def unmark(self, keys: Iterable[str]) -> None:
        """Take the marks of these rows away: what they were for is done."""
        for pane in self.query(Rows):
            pane.unmark(keys)

    def deed(self, kind: str) -> "Intent | None":  # noqa: ARG002 - what is shown here decides
        """Return what is to be done where somebody asks to `pause`, `retry` or `cancel` what the cursor is on."""
        return None
