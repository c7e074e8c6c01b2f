"""Text that others wrote, made fit to be shown: it must not steer a terminal, nor look like what it is not. Pure.

What does not print is shown as its escape: control characters (C1 too), marks that turn the direction of text, unusual
blanks and line ends.
"""

import codecs
import re

# Select Graphic Rendition: colours and weights, and nothing else. No longer than any that means something: who reads
# the numbers of others may fail.
_COLOUR = re.compile(r"(\x1b\[[0-9;:]{0,32}m)")
_PLAIN = "\x1b[0m"
# At the end of a piece: what may be the first half of a colour, or of a line end.
_CUT = re.compile(r"(\r|\x1b(\[[0-9;:]{0,32})?)\Z")


def clean(text: str) -> str:
    """Return `text` in one line, with every character that does not print as its escape."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def clean_lines(text: str) -> str:
    """As `clean`, but the lines stay apart."""
    return "\n".join(map(clean, text.split("\n")))


def clean_output(text: str, *, overwrites: bool = False) -> str:
    """As `clean`, for what a command wrote: line ends, tabs and colours stay, and the colours end with it.

    `overwrites`: so do carriage returns, by which what comes later stands in the place of what was before.
    """
    parts = _COLOUR.split(text.replace("\r\n", "\n"))
    # Every second part is a colour, as it was found between the others.
    shown = [part if place % 2 else _clean_written(part, overwrites) for place, part in enumerate(parts)]
    return "".join(shown) + (_PLAIN if len(parts) > 1 else "")


class OutputFlow:
    """As `clean_output`, for bytes that come in pieces: what a piece cuts in two is shown with the next one.

    Carriage returns overwrite: who sees it while it is written sees bars of progress move.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
        self._held = ""
        self._colour = ""  # that is still on

    def feed(self, data: bytes, *, is_end: bool = False) -> str:
        """Return what may be shown of what has come by now; at the end all of it."""
        text = self._held + self._decoder.decode(data, is_end)
        cut = None if is_end else _CUT.search(text)
        self._held = text[cut.start() :] if cut else ""
        text = text[: cut.start()] if cut else text
        if not text:
            return ""
        shown = clean_output(self._colour + text, overwrites=True)
        if colours := _COLOUR.findall(text):
            self._colour = "" if colours[-1] in (_PLAIN, "\x1b[m") else colours[-1]
        return shown


def clean_json(document: str) -> str:
    """As `clean_lines`, for a JSON text: what comes back from it is the same."""
    if document.isprintable():
        return document
    return "".join(char if char.isprintable() or char == "\n" else _json_escaped(char) for char in document)


def _clean_written(text: str, overwrites: bool) -> str:
    if overwrites and "\r" in text:
        return "\r".join(_clean_written(one, False) for one in text.split("\r"))
    return "\t".join(map(clean_lines, text.split("\t")))


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def _json_escaped(char: str) -> str:
    # In UTF-16, as JSON has it: what lies beyond 16 bits is a pair.
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
