"""The screen's application: which screens there are, the keys that work on all of them, and how it ends."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App
from textual.binding import Binding, BindingType
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen

from eventqueue.api.queue import Queue
from eventqueue.cli.screen.acts import Done, Intent
from eventqueue.cli.screen.asking import Asking, Looking, in_thread, raising, tell
from eventqueue.cli.screen.board import Board
from eventqueue.cli.screen.errors import Errors
from eventqueue.cli.screen.help import Help
from eventqueue.cli.screen.jobs import Jobs, wrong_with
from eventqueue.cli.screen.overview import Overview
from eventqueue.cli.screen.pane import cell
from eventqueue.cli.screen.typed import Typed
from eventqueue.cli.screen.workers import Workers
from eventqueue.errors import QueueError
from eventqueue.ports.views import Glance

TICK_S = 1.0  # between two looks at how long the database has not answered
REASON = "a reason, or nothing"
FILTER = "state:dead error~503 ended>-2h"
LEAVING = "It ends once the jobs that are on their way are done; again, and it does not wait for them."
NOTHING = {
    "pause": "Here is no queue to pause: the cursor must be on one.",
    "retry": "Here is nothing to retry.",
    "cancel": "Here is nothing to cancel.",
}


class OnStdout(LinuxDriver):
    """Draws on stdout, as all else that is an answer: stderr may lead elsewhere."""

    def __init__(self, app: App[Any], **more: Any) -> None:
        super().__init__(app, **more)
        assert sys.__stdout__ is not None
        self._file = sys.__stdout__


class Top(App[None]):
    """`queuectl top` on a terminal; `first`: what is to be seen before the first answer comes."""

    ENABLE_COMMAND_PALETTE = False
    CLOSE_TIMEOUT = 1.0  # seconds for the parts of the screen to end, where one of them cannot
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "quit", show=False),
        Binding("ctrl+c", "quit", show=False, priority=True),
        Binding("question_mark,f1", "help", show=False),
        Binding("escape", "back", show=False),
        Binding("slash", "filter", show=False),
        Binding("w", "workers", show=False),
        Binding("e", "errors", show=False),
        Binding("p", "act('pause')", show=False),
        Binding("r", "act('retry')", show=False),
        Binding("c", "act('cancel')", show=False),
        Binding("ctrl+z", "suspend_process", show=False),
    ]
    CSS = """
    Screen { background: ansi_default; color: ansi_default; }
    Typed { background: transparent; }
    """

    def __init__(self, queue: Queue, first: Glance) -> None:
        super().__init__(driver_class=OnStdout, ansi_color=True)
        self.queue = queue
        self.asking = Asking(self)
        self.looking = Looking(self, queue, first, lambda _: self._redraw())
        self.said = Text()
        self.failed: Exception | None = None
        self._deeds = 0  # that are being done
        self._is_leaving = False

    def get_default_screen(self) -> Screen[Any]:
        """See App."""
        return Overview()

    def on_mount(self) -> None:
        """See App."""
        self.theme = "ansi-dark"
        self.looking.start()
        self.set_interval(TICK_S, self._tick)

    def _handle_exception(self, error: Exception) -> None:
        # It would be told as a traceback; here what was not expected is told as of any other command.
        self.failed = self.failed or error
        self.panic()

    # What is seen

    async def action_quit(self) -> None:
        """End, but not in the middle of what is being done, unless that is asked for twice."""
        if self._deeds and not self._is_leaving:
            self._is_leaving = True
            self.say(LEAVING, "yellow")
        else:
            self.exit()

    def _redraw(self) -> None:
        if boards := self._boards():  # also while something is typed above it
            boards[-1].seen(self.looking.glance)

    def _boards(self) -> Sequence[Board]:
        return [screen for screen in self.screen_stack if isinstance(screen, Board) and screen.is_mounted]

    def _tick(self) -> None:
        """Show for how long nothing was heard."""
        if self.looking.silent_s() is not None:
            self._redraw()

    def say(self, sentence: str, style: str = "") -> None:
        """Say something in the line above the keys, until something else is said."""
        self.said = cell(sentence, style)
        for board in self._boards():
            board.line("said").update(self.said)

    # Where one goes

    async def action_back(self) -> None:
        """Go back to what was seen before."""
        if len(self.screen_stack) > 1:
            await self.pop_screen()

    def action_help(self) -> None:
        """Show which keys there are."""
        self._open(Help)

    def action_workers(self) -> None:
        """Show who is alive."""
        self._open(Workers)

    def action_errors(self) -> None:
        """Show what jobs fail with."""
        self._open(Errors)

    def _open(self, kind: type[Board]) -> None:
        if isinstance(self.screen, Board) and not isinstance(self.screen, kind):
            self.push_screen(kind())

    def action_filter(self) -> None:
        """Ask for a filter, and show the jobs that it lets through."""
        board = self.screen
        if not isinstance(board, Board):
            return
        text = board.filter_text if isinstance(board, Jobs) else ""
        value = f"{text} " if text and text.isprintable() else ""
        question = Typed("Which jobs?", FILTER, "shows them", value=value, check=wrong_with)
        self.push_screen(question, lambda typed: self._show_jobs(typed, board))

    def _show_jobs(self, typed: str | None, before: Board) -> None:
        if typed is None:
            return
        if isinstance(before, Jobs):  # one that is narrowed down is gone back over at once
            self.pop_screen()
        self.push_screen(Jobs(typed))

    # What is done

    def action_act(self, kind: str) -> None:
        """Ask whether something is to be done, and do it then."""
        if not isinstance(self.screen, Board):
            return
        deed = self.screen.deed(kind)
        if deed is None:
            self.say(NOTHING[kind], "yellow")
            return
        self.say("counting …", "dim")
        self.asking.ask(
            "question", lambda: deed.question(self.queue), lambda asked: self._ask(deed, asked), self._refused
        )

    def _ask(self, deed: Intent, question: str) -> None:
        self.say("")
        if isinstance(self.screen, Board):  # not while something else is asked
            self.push_screen(Typed(question, REASON, "does it"), lambda why: self._do(deed, why))

    def _do(self, deed: Intent, why: str | None) -> None:
        if why is None:
            self.say("Nothing was done.", "dim")
            return
        self.say("working …", "dim")
        self._deeds += 1
        in_thread(lambda: self._act(deed, why.strip() or None))

    def _act(self, deed: Intent, why: str | None) -> None:
        try:
            done = deed.do(self.queue, why, self._goes_on)
            with suppress(QueueError):  # it is done, and is seen when the views have it
                self.queue.connection.views.refresh()
        except QueueError as error:
            done = Done(str(error), is_whole=False)
        except Exception as error:  # as Asking has it
            tell(self, raising(error))
            return
        tell(self, lambda: self._is_done(deed, done))

    def _goes_on(self, far: str) -> bool:
        tell(self, lambda: None if self._is_leaving else self.say(far, "dim"))
        return not self._is_leaving

    def _is_done(self, deed: Intent, done: Done) -> None:
        self._deeds -= 1
        for board in self._boards() if done.is_whole else ():  # else somebody may want to try it again
            board.unmark(deed.ids)
        self.say(done.told, "green" if done.is_whole else "red")
        if self._is_leaving and not self._deeds:
            self.exit(message=self.said)

    def _refused(self, problem: str) -> None:
        self.say(problem, "red")
