"""Where words go: marks, colours and streams.

Colours only on a terminal, and not with `NO_COLOR`; whatever is said is one line without control characters.
"""

import os
import sys
from contextvars import ContextVar
from typing import TextIO

import click

from eventqueue.errors import redact
from eventqueue.system.printable import clean

IS_PAGED: ContextVar[bool] = ContextVar("is_paged", default=True)  # whether a pager may be used


def is_coloured(stream: TextIO) -> bool:
    """Whether colours may be written to `stream`."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def done(sentence: str) -> None:
    """Say on stdout that something was done."""
    _say("✔", "green", sentence, err=False)


def note(sentence: str) -> None:
    """Say on stderr what is good to know."""
    _say("!", "yellow", sentence, err=True)


def refuse(sentence: str) -> None:
    """Say on stderr what was refused, or failed."""
    _say("✘", "red", sentence, err=True)


def _say(mark: str, colour: str, sentence: str, *, err: bool) -> None:
    line = clean(" ".join(redact(sentence).split()))
    stream = sys.stderr if err else sys.stdout
    click.echo(f"{click.style(mark, fg=colour)} {line}", file=stream, color=is_coloured(stream))
