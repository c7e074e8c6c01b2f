"""The output that `--json` and `--quiet` ask for: answers to stdout, notes and refusals to stderr.

With `--json` stdout holds JSON and nothing else. What a command would show is passed as a function, so that neither
form costs anything, imports included, where the other is asked for.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from eventqueue.cli.render import terminal
from eventqueue.system.printable import clean, clean_lines
from eventqueue.telling.words import span

if TYPE_CHECKING:
    from eventqueue.errors import LogUnavailable
    from eventqueue.ports.views import Lag


@dataclass(frozen=True)
class Output:
    """Where a command's words go."""

    as_json: bool
    quiet: bool

    def document(self, document: Callable[[], Any]) -> None:
        """Print a JSON document, if JSON is asked for."""
        if self.as_json:
            from eventqueue.cli.render.printing import print_json

            print_json(document())

    def in_doubt(self, error: "LogUnavailable") -> None:
        """Print what a script has to know of an append with an unknown outcome: which jobs are in doubt."""
        self.document(lambda: {"error": str(error), "ids": list(error.ids), "added": error.added})

    def answer(self, document: Callable[[], Any], text: Callable[[], Any], *, is_whole: bool = False) -> None:
        """Print the answer: the JSON document, or for people the string, table or tables that `text` returns.

        `is_whole`: of the tables no cell is cut.
        """
        self.document(document)
        if self.as_json:
            return
        shown = text()
        if isinstance(shown, str):
            click.echo(clean_lines(shown))
            return
        from eventqueue.cli.render.console import show

        show(shown if isinstance(shown, list) else [shown], is_whole=is_whole)

    def lines(self, texts: Iterable[str]) -> None:
        """Print bare texts, a line each."""
        for text in texts:
            click.echo(clean(text))

    def done(self, sentence: str) -> None:
        """Tell people that something was done, unless it is to be quiet."""
        if not self.as_json and not self.quiet:
            terminal.done(sentence)

    def bare(self, text: str) -> None:
        """Print what is left of an answer when it is to be quiet."""
        if not self.as_json and self.quiet:
            click.echo(clean(text))

    def note(self, sentence: str) -> None:
        """Say what is good to know, unless it is to be quiet."""
        if not self.quiet:
            terminal.note(sentence)

    def warn(self, sentence: str) -> None:
        """Say what nobody may miss though all went well, quiet or not."""
        terminal.note(sentence)

    def refuse(self, sentence: str) -> None:
        """Say what was refused, quiet or not."""
        terminal.refuse(sentence)

    def behind(self, lag: "Lag") -> None:
        """Say how far the view shown is behind the log, if it is."""
        if not lag.is_fresh:
            behind = "is behind the log" if lag.seconds is None else f"is {span(lag.seconds)} behind the log"
            self.note(f"The view {behind}: `queuectl doctor` shows why.")
