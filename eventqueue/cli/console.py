"""Printing for people, with rich: coloured and fitted on a terminal; plain, whole and unwrapped elsewhere."""

import sys
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from eventqueue.cli.columns import Table, fitted
from eventqueue.cli.terminal import is_coloured


def show(shown: Sequence[Table | Text]) -> None:
    """Print to stdout. Lines are never wrapped here: what is copied from a terminal must be whole."""
    out = console(sys.stdout)
    width = out.width if out.is_terminal else None
    for one in shown:
        out.print(fitted(one, width) if isinstance(one, Table) else one, soft_wrap=True)


def console(stream: TextIO) -> Console:
    """Return a console on `stream` that takes every text as it is."""
    return Console(
        file=stream,
        force_terminal=stream.isatty(),
        no_color=not is_coloured(stream),
        markup=False,
        highlight=False,
        emoji=False,
    )
