"""Seals, for people and as JSON."""

from collections.abc import Sequence
from typing import Any

import msgspec

from eventqueue.audit.seals import Seal, line_of
from eventqueue.cli.render.columns import Cell, Table
from eventqueue.cli.render.words import instant

SHORT = 16  # of the hex digits of a hash


def document(seal: Seal) -> Any:
    """A seal as it is kept."""
    return msgspec.to_builtins(line_of(seal))


def table(seals: Sequence[Seal]) -> Table:
    """Seals in a list."""
    rows: list[list[Cell]] = [
        [
            one.number,
            instant(one.at, "seconds"),
            one.size,
            one.events,
            one.root.hex()[:SHORT],
            None if one.key is None else one.key.hex()[:SHORT],
        ]
        for one in seals
    ]
    return Table(["NUMBER", "AT", "SIZE", "EVENTS", "ROOT", "SIGNED BY"], rows)
