"""The table of docs/tampering.md, made of the kinds: `python -m tests.audit.tampering.document` renews it."""

from itertools import groupby
from pathlib import Path

from tests.audit.tampering.kind import Kind
from tests.audit.tampering.test_tampering import KINDS

DOCUMENT = Path(__file__).parents[3] / "docs" / "tampering.md"
BEGIN, END = "<!-- the table: made by tests/audit/tampering -->\n", "<!-- the table's end -->\n"


def table() -> str:
    """All kinds, each with what finds it and its words."""
    parts = [_part(of, list(kinds)) for of, kinds in groupby(KINDS, lambda kind: kind.of)]
    return "\n".join(parts)


def _part(of: str, kinds: list[Kind]) -> str:
    rows = "".join(f"| {kind.name} | {kind.found_by} | {kind.words} |\n" for kind in kinds)
    return f"\n### {of[:1].upper()}{of[1:]}\n\n| what is done | found by | its words |\n|---|---|---|\n{rows}"


def told() -> str:
    """The table as the document has it."""
    return DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    DOCUMENT.write_text(before + BEGIN + table() + "\n" + END + rest.partition(END)[2])
