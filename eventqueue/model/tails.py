"""What a run has written to a stream, as far as its end is kept, and what of it is new to who has seen some."""

import msgspec


class Tail(msgspec.Struct, frozen=True):
    """The last bytes of a stream, and how many there were in all."""

    kept: bytes = b""
    total: int = 0


class News(msgspec.Struct, frozen=True):
    """What is new: `lost` bytes that are kept no longer, and then `text`."""

    text: bytes
    lost: int = 0


class Tails(msgspec.Struct, frozen=True):
    """What an attempt has written so far; `number`: another one each time that there was more."""

    stdout: Tail
    stderr: Tail
    number: int = 0


def news(seen: int, tail: Tail) -> News:
    """Return what is new to who has seen the first `seen` bytes of a stream, or was told that they are lost."""
    new = max(0, tail.total - seen)
    text = tail.kept[-new:] if new else b""
    return News(text, new - len(text))
