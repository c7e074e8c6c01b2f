"""What all screens have: the head above, what was said and the keys that work here below."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from eventqueue.cli.render.heads import head, keys
from eventqueue.cli.render.ranked import cell
from eventqueue.cli.screen.rows import Rows

if TYPE_CHECKING:
    from eventqueue.api.queue import Queue
    from eventqueue.cli.screen.acts import Intent
    from eventqueue.cli.screen.asking import Asking, Watching
    from eventqueue.ports.views import Glance


class Stage(Protocol):
    """What a screen needs of the application that it is of."""

    queue: "Queue"
    asking: "Asking"
    watching: "Watching"
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
        self.seen(self.top.watching.glance)

    def on_resize(self) -> None:
        """See Screen."""
        self.seen(self.top.watching.glance)

    def seen(self, glance: "Glance") -> None:
        """Show what was seen last."""
        self.draw_frame()
        self.draw(glance)

    def draw_frame(self) -> None:
        """Show what is around, which changes while nothing else does."""
        width, watching = self.size.width, self.top.watching
        self.line("head").update(head(watching.glance, watching.silent_s(), watching.problem, width))
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

    def deed(self, kind: str) -> "Intent | None":  # noqa: ARG002 - what is shown here decides
        """Return what is to be done where somebody asks to `pause`, `retry` or `cancel` what the cursor is on."""
        return None


def titled(name: str, *figures: str) -> Text:
    """Return the title of some rows."""
    return cell("  ".join(filter(None, (name, *figures))))
