"""What a job wrote, as a page shows it: in lines, its colours as classes, and nothing of it is markup. Pure."""

import re
from collections.abc import Iterator

import msgspec

from eventqueue.system.printable import clean_output

SHOWN_BYTES = 16 * 1024  # of the end of each stream
CONTINUATIONS = bytes(range(0x80, 0xC0))
_COLOUR = re.compile(r"\x1b\[([0-9;:]*)m")


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A text, and the classes that it is shown with."""

    text: str
    classes: str


def pieces(tail: bytes, *, is_cut: bool) -> list[Piece]:
    """Return the end of what was written to a stream; `is_cut`: something was before it, of which it is not told."""
    if len(tail) > SHOWN_BYTES:
        tail, is_cut = tail[-SHOWN_BYTES:], True
    if is_cut:  # perhaps amid a character
        tail = tail[:3].lstrip(CONTINUATIONS) + tail[3:]
    text = tail.decode(errors="backslashreplace")
    return list(_coloured(clean_output("\n".join(map(_left, text.split("\n"))))))


def _left(line: str) -> str:
    """Return what is left of a line: of a bar of progress that was written over its last state."""
    return line.rstrip("\r").rpartition("\r")[2]


def _coloured(text: str) -> Iterator[Piece]:
    style: dict[str, str] = {}
    for place, part in enumerate(_COLOUR.split(text)):
        if place % 2:
            style = _styled(style, part)
        elif part:
            yield Piece(part, " ".join(style.values()))


def _styled(style: dict[str, str], numbers: str) -> dict[str, str]:
    """Return the style that a sequence leads to; what is asked for beyond eight colours and bold is left out."""
    codes = [int(one) if one else 0 for one in re.split("[;:]", numbers)]
    if codes[0] in (38, 48):  # a colour of 256, or of all
        return style
    for code in codes:
        match code:
            case 0:
                style = {}
            case 1:
                style = {**style, "weight": "bold"}
            case 22:
                style = {name: one for name, one in style.items() if name != "weight"}
            case 39:
                style = {name: one for name, one in style.items() if name != "colour"}
            case _ if 30 <= code <= 37 or 90 <= code <= 97:
                style = {**style, "colour": f"c{code % 10}"}
    return style
