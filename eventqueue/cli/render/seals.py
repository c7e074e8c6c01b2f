"""Seals, for people and as JSON."""

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.text import Text

from eventqueue.audit.seals import Seal, line_of
from eventqueue.cli.render.columns import Cell, Table
from eventqueue.sealing.signing import is_signed
from eventqueue.telling.zone import moment

SHORT = 16  # of the hex digits of a hash


def document(seal: Seal) -> Any:
    """A seal as it is kept."""
    return msgspec.to_builtins(line_of(seal))


def table(seals: Sequence[Seal]) -> Table:
    """Seals in a list; as signed is shown what is found to be."""
    rows: list[list[Cell]] = [
        [
            one.number,
            moment(one.at, "seconds"),
            one.size,
            one.events,
            one.root.hex()[:SHORT],
            _signed_by(one),
        ]
        for one in seals
    ]
    return Table(["NUMBER", "AT", "SIZE", "EVENTS", "ROOT", "SIGNED BY"], rows)


def _signed_by(seal: Seal) -> Cell:
    if seal.key is None:
        return None
    key = seal.key.hex()[:SHORT]
    match is_signed(seal):
        case True:
            return key
        case False:
            return Text(f"not by {key}", "red")
        case None:
            return Text(f"{key}, unchecked", "yellow")
