"""Printing for people, with rich: coloured and fitted on a terminal; plain, whole and unwrapped elsewhere."""

import sys
from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any, NoReturn, TextIO

from rich.console import Console
from rich.segment import Segment
from rich.text import Text

from eventqueue.cli.render.columns import Table
from eventqueue.cli.render.paging import paged
from eventqueue.cli.render.tall import laid_out
from eventqueue.cli.render.terminal import is_coloured
from eventqueue.system.printable import clean_lines


class _Cleaning(Console):
    """A console that writes no control characters but its own, whoever wrote the text that it shows."""

    def render(self, *args: Any, **options: Any) -> Iterable[Segment]:
        """See rich.console.Console."""
        for segment in super().render(*args, **options):
            is_clean = segment.control is not None or segment.text.isprintable()
            yield segment if is_clean else Segment(clean_lines(segment.text), segment.style)

    def on_broken_pipe(self) -> NoReturn:
        """See rich.console.Console, which would end the process with 1: that is told by what stops each command."""
        raise BrokenPipeError


def show(shown: Iterable[Table | Text], *, is_whole: bool = False) -> None:
    """Print to stdout. Lines are never wrapped here: what is copied from a terminal must be whole.

    `is_whole`: no cell is cut, whatever the terminal.
    """
    with paged(sys.stdout) as stream:
        out = console(stream)
        width = out.width if out.is_terminal and not is_whole else None
        for one in shown:
            for lines in laid_out([one], width) if isinstance(one, Table) else (one,):
                out.print(lines, soft_wrap=True)


def show_long(parts: Iterable[Table], *, is_whole: bool = False, is_followed: bool = False) -> None:
    """Print to stdout a table that comes in parts, each as it comes.

    `is_whole`: see `show`. `is_followed`: there is no end of it, so it is no pager's.
    """
    with nullcontext(sys.stdout) if is_followed else paged(sys.stdout) as stream:
        out = console(stream)
        for lines in laid_out(parts, out.width if out.is_terminal and not is_whole else None):
            out.print(lines, soft_wrap=True)


def console(stream: TextIO) -> Console:
    """Return a console on `stream` that takes every text as it is, but for what would steer the terminal."""
    return _Cleaning(
        file=stream,
        force_terminal=stream.isatty(),
        no_color=not is_coloured(stream),
        markup=False,
        highlight=False,
        emoji=False,
    )
