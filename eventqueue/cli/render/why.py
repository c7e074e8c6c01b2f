"""Why a job is in its state, for people: a paragraph, on a terminal as wide as that is."""

import sys

from rich.text import Text

from eventqueue.audit.clauses import Why
from eventqueue.cli.render.console import console
from eventqueue.system.printable import clean
from eventqueue.telling.words import COLOURS


def paragraph(found: Why) -> Text:
    """Return the job's state in its colour, and why it is in that."""
    whole = Text.assemble(f"Job {clean(found.id)} is ", (found.state, COLOURS[found.state]), f". {clean(found.text)}")
    out = console(sys.stdout)
    if not out.is_terminal:
        return whole
    lines = whole.wrap(out, out.width)
    for line in lines:
        line.rstrip()
    return Text("\n").join(lines)
