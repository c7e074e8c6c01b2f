"""The doctor's checks for people: what was looked at and found, and what to do about it."""

from collections.abc import Sequence

import msgspec
from rich.text import Text

from eventqueue.system.printable import clean


class Check(msgspec.Struct, frozen=True):
    """What was looked at and found; `remedy` says what to do, and is None where all is well."""

    name: str
    found: str
    remedy: str | None = None

    @property
    def is_well(self) -> bool:
        """Whether there is nothing to do."""
        return self.remedy is None


def checks(found: Sequence[Check]) -> Text:
    """The doctor's checks, each failed one with its remedy below it."""
    lines: list[Text] = []
    for one in found:
        mark = Text("✔ ", "green") if one.is_well else Text("✘ ", "red")
        lines.append(Text.assemble(mark, (f"{one.name:<12} ", "bold"), clean(one.found)))
        if one.remedy is not None:
            lines.append(Text(f"{'':<15}{clean(one.remedy)}", "yellow"))
    return Text("\n").join(lines)
