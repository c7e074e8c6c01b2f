"""What failures are alike: what is told of one without what differs from time to time, and its fingerprint. Pure.

What it begins with is part of what it is: the exit code of a command, for 1 and 137 are two kinds of failure, and the
type of an exception, whatever digits are in its name.
"""

import re
from hashlib import sha256

LENGTH = 10  # hex digits
PATTERN = f"[0-9a-f]{{{LENGTH}}}"  # of all of it
READ_MAX = 2000  # characters of a message

_KIND = re.compile(r"exit code \d+|[^\W\d][\w.<>]*(?=: |$)")
VALUE = "<*>"  # one mark for all: an id in hex may well have digits alone
# What holds others stands before them: a UUID has numbers, and so has a path.
_BLANKS = (
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), VALUE),
    (re.compile(r"\b[a-z][a-z0-9+.-]{0,15}://[^\s'\"<>]+", re.IGNORECASE), "<url>"),
    (re.compile(r"(?<![\w<])[~.]{0,2}(?:/[^\s/:;,'\"()<>]+)+/?"), "<path>"),
    (re.compile(r"\b[a-z]:(?:\\[^\s\\:;,'\"()<>]+)+", re.IGNORECASE), "<path>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), VALUE),
    # Eight hex digits at least, of which one is none of the alphabet: `deadbeef` may be a word, `defaced` is one.
    (re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{8,}\b", re.IGNORECASE), VALUE),
    # An id: letters and digits, with marks between them such as `user-42`, or many, such as `8fK2aQx9`.
    (re.compile(r"\b(?=[a-z_-]{0,63}\d)[a-z0-9]+(?:[_-][a-z0-9]+)+\b", re.IGNORECASE), VALUE),
    (re.compile(r"\b(?=[a-z]{0,63}\d)[a-z0-9]{8,}\b", re.IGNORECASE), VALUE),
    (re.compile(r"\d+(?:[.,:]\d+)*"), VALUE),
)


def blanked(message: str) -> str:
    """Return a message with a mark in the place of each number, hex, UUID, path, URL and id."""
    text = " ".join(message[:READ_MAX].split())
    kind = _KIND.match(text)
    kept, rest = (text[: kind.end()], text[kind.end() :]) if kind else ("", text)
    for pattern, mark in _BLANKS:
        rest = pattern.sub(mark, rest)
    return kept + rest


def fingerprint(message: str) -> str:
    """Return what messages have in common that differ only in what is blanked: LENGTH hex digits."""
    return sha256(blanked(message).encode(errors="surrogatepass")).hexdigest()[:LENGTH]
